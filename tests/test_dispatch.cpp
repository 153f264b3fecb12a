// Choosing an instruction set: catches a first use that races, GLLM_KERNELS_ISA switching on what is not there or failing to
// switch off what is, select() that half succeeds, and holes in a kernel table. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT
#include "harness.hpp"

#include <atomic>
#include <map>
#include <thread>

#if !defined(_WIN32)
#include <sys/wait.h>
#endif

using namespace test;
using gllm::CpuFeatures;
using gllm::CpuKernels;
using gllm::Isa;
using gllm::Presence;

// ---- a report from a fresh process ------------------------------------------

struct Feature { const char* name; bool CpuFeatures::* bit; };
constexpr Feature FEATURES[] = {
    { "avx2", &CpuFeatures::avx2 }, { "avx512", &CpuFeatures::avx512 }, { "neon", &CpuFeatures::neon }, { "f16c", &CpuFeatures::f16c },
    { "fma", &CpuFeatures::fma }, { "avx_vnni", &CpuFeatures::avx_vnni }, { "avx512_vnni", &CpuFeatures::avx512_vnni },
    { "avx512_vbmi", &CpuFeatures::avx512_vbmi }, { "avx512_bitalg", &CpuFeatures::avx512_bitalg }, { "gfni", &CpuFeatures::gfni },
    { "avx512_bf16", &CpuFeatures::avx512_bf16 }, { "avx512_fp16", &CpuFeatures::avx512_fp16 }, { "amx_int8", &CpuFeatures::amx_int8 },
    { "amx_bf16", &CpuFeatures::amx_bf16 }, { "neon_dotprod", &CpuFeatures::neon_dotprod }, { "neon_fp16", &CpuFeatures::neon_fp16 },
    { "neon_i8mm", &CpuFeatures::neon_i8mm }, { "neon_bf16", &CpuFeatures::neon_bf16 }, { "sve", &CpuFeatures::sve },
    { "sve2", &CpuFeatures::sve2 },
};

/// "avx2=1 ... scalar:2 ... best=1 dot=32": features, presence of each instruction set, the choice, and a sum computed by it.
static std::string report() {
    std::ostringstream s;
    for (const Feature& f : FEATURES) s << f.name << "=" << gllm::cpu_features().*f.bit << " ";
    for (Isa isa : gllm::all_isas) s << text(gllm::isa_name(isa)) << ":" << int(gllm::isa_presence(isa)) << " ";
    const std::vector<float> ones(32, 1.0f);
    s << "best=" << int(gllm::best_isa()) << " dot=" << CpuKernels<float>().vec_dot(ones.data(), ones.data(), 32);
    return s.str();
}

constexpr const char* VALUES[] = { "", "scalar", "avx2", "avx512", "neon", "avx512,-amx,-vnni", "-amx", "-vnni", "-avx512", "-avx2",
                                   "nonsense", "-nonsense,,-,", "avx512,nonsense", "-avx512_vnni,-bf16" };
static std::map<std::string, std::string> reports;              // by the value of GLLM_KERNELS_ISA; "unset" for none

/// The report of a process that starts with GLLM_KERNELS_ISA = value, or without it for null. Empty where processes cannot be had.
#if defined(_WIN32)
static std::string report_of_child(const char* program, const char* value) {
    const std::string command = std::string("\"") + program + "\"";
    _putenv_s("GLLM_KERNELS_ISA", value ? value : "");
    _putenv_s("GLLM_KERNELS_REPORT", "1");
    std::string text;
    if (FILE* pipe = _popen(command.c_str(), "r")) {
        char line[4096];
        while (std::fgets(line, sizeof line, pipe)) text += line;
        if (_pclose(pipe) != 0) text.clear();
    }
    _putenv_s("GLLM_KERNELS_ISA", "");
    _putenv_s("GLLM_KERNELS_REPORT", "");
    return text.compare(0, 5, "avx2=") == 0 ? text : std::string();
}
#else
static std::string report_of_child(const char*, const char* value) {   // before the library's first use, a fork is fresh enough
    int ends[2];
    if (pipe(ends) != 0) return {};
    const pid_t child = fork();
    if (child == 0) {
        if (value) setenv("GLLM_KERNELS_ISA", value, 1);
        else unsetenv("GLLM_KERNELS_ISA");
        const std::string text = report();
        _exit(write(ends[1], text.data(), text.size()) == ssize_t(text.size()) ? 0 : 1);
    }
    close(ends[1]);
    std::string text;
    char    piece[1024];
    ssize_t n;
    while (child > 0 && (n = read(ends[0], piece, sizeof piece)) > 0) text.append(piece, size_t(n));
    close(ends[0]);
    int status = 0;
    if (child > 0 && (waitpid(child, &status, 0) < 0 || status != 0)) text = "crashed";
    return text;
}
#endif

static int field(const std::string& text, const std::string& key) {
    const size_t at = text.find(key);
    return at == std::string::npos ? -1 : std::atoi(text.c_str() + at + key.size());
}
static int feature(const std::string& text, const std::string& name)  { return field(" " + text, " " + name + "="); }
static int presence(const std::string& text, Isa isa)                 { return field(text, std::string(gllm::isa_name(isa)) + ":"); }

// ---- first use --------------------------------------------------------------

constexpr int THREADS = 8;
static Isa                first_seen[THREADS];
static const CpuFeatures* features_seen[THREADS];
static float              sums[THREADS];

int main(int argc, char** argv) {
    if (flag("GLLM_KERNELS_REPORT")) {
        std::puts(report().c_str());
        return 0;
    }
    reports["unset"] = report_of_child(argv[0], nullptr);
    for (const char* value : VALUES) reports[value] = report_of_child(argv[0], value);

    std::atomic<int> ready{ 0 };                                // all threads meet the library at once, and before anyone else
    std::vector<std::thread> threads;
    for (int i = 0; i < THREADS; i++)
        threads.emplace_back([&ready, i] {
            for (ready++; ready < THREADS;) {}
            const CpuKernels<float> k;
            const float two[] = { 2, 2 };
            first_seen[i]    = k.isa();
            features_seen[i] = &gllm::cpu_features();
            sums[i]          = k.vec_dot(two, two, 2);
        });
    for (std::thread& t : threads) t.join();
    return doctest::Context(argc, argv).run();
}

TEST_CASE("several threads may be first") {
    for (int i = 0; i < THREADS; i++) {
        CHECK(first_seen[i] == gllm::best_isa());
        CHECK(features_seen[i] == &gllm::cpu_features());
        CHECK(sums[i] == 8.0f);
    }
}

// ---- GLLM_KERNELS_ISA -------------------------------------------------------

TEST_CASE("GLLM_KERNELS_ISA narrows, and can do nothing else") {
    const std::string& whole = reports["unset"];
    if (whole.empty()) {
        MESSAGE("skipped: no child processes here");
        return;
    }
    for (const auto& r : reports) {
        INFO("GLLM_KERNELS_ISA=" << r.first << ": " << r.second);
        CHECK(field(r.second, "dot=") == 32);
        for (const Feature& f : FEATURES) {
            INFO(text(f.name));
            CHECK(feature(r.second, f.name) <= feature(whole, f.name));
        }
        const int best = field(r.second, "best=");
        CHECK(best >= 0);
        CHECK(presence(r.second, static_cast<Isa>(best)) == int(Presence::native));
        CHECK(presence(r.second, Isa::scalar) == int(Presence::native));
        for (Isa isa : gllm::all_isas)
            if (presence(whole, isa) == int(Presence::absent)) CHECK(presence(r.second, isa) == int(Presence::absent));
    }
    CHECK(reports[""] == whole);
    CHECK(reports["nonsense"] == whole);
    CHECK(reports["-nonsense,,-,"] == whole);

    const auto native = [&](const char* setting, Isa isa) { return presence(reports[setting], isa) == int(Presence::native); };
    CHECK(field(reports["scalar"], "best=") == int(Isa::scalar));
    for (Isa isa : { Isa::avx2, Isa::avx512, Isa::neon }) CHECK(!native("scalar", isa));
    for (Isa isa : { Isa::avx2, Isa::avx512, Isa::neon })
        if (native("unset", isa)) {
            CHECK(field(reports[gllm::isa_name(isa)], "best=") == int(isa));
            CHECK(native(gllm::isa_name(isa), isa));
        }
    CHECK(!native("avx2", Isa::avx512));
    CHECK(!native("-avx512", Isa::avx512));
    CHECK(!native("-avx2", Isa::avx2));
    CHECK(!native("-avx2", Isa::avx512));                       // avx512 stands on avx2
    CHECK(native("-avx512", Isa::avx2) == native("unset", Isa::avx2));

    for (const char* setting : { "avx512,-amx,-vnni", "-amx" }) {
        CHECK(feature(reports[setting], "amx_int8") == 0);
        CHECK(feature(reports[setting], "amx_bf16") == 0);
    }
    for (const char* setting : { "avx512,-amx,-vnni", "-vnni", "-avx512_vnni,-bf16" })
        CHECK(feature(reports[setting], "avx512_vnni") == 0);
    CHECK(feature(reports["-avx512_vnni,-bf16"], "avx512_bf16") == 0);
    if (native("unset", Isa::avx512)) {
        CHECK(native("avx512,-amx,-vnni", Isa::avx512));
        CHECK(feature(reports["avx512,-amx,-vnni"], "avx512_vbmi") == feature(whole, "avx512_vbmi"));
        CHECK(feature(reports["-amx"], "avx512_vnni") == feature(whole, "avx512_vnni"));
    }
    for (const char* name : { "avx512_vnni", "avx512_vbmi", "avx512_bf16", "amx_int8", "amx_bf16" })
        CHECK(feature(reports["avx2"], name) == 0);             // of an instruction set that is off
}

// ---- names, presence, select ------------------------------------------------

TEST_CASE("isa_name isa_presence best_isa") {
    CHECK(std::string(gllm::isa_name(Isa::scalar)) == "scalar");
    CHECK(std::string(gllm::isa_name(Isa::avx2)) == "avx2");
    CHECK(std::string(gllm::isa_name(Isa::avx512)) == "avx512");
    CHECK(std::string(gllm::isa_name(Isa::neon)) == "neon");
    CHECK(gllm::isa_presence(Isa::scalar) == Presence::native);
    CHECK(gllm::isa_presence(gllm::best_isa()) == Presence::native);
    CHECK(gllm::isa_presence(static_cast<Isa>(200)) == Presence::absent);
    const CpuFeatures& f = gllm::cpu_features();
    const bool         bits[] = { true, f.avx2, f.avx512, f.neon };
    for (Isa isa : gllm::all_isas)
        if (gllm::isa_presence(isa) == Presence::native) CHECK(bits[int(isa)]);
#if defined(__aarch64__)
    if (!std::getenv("GLLM_KERNELS_ISA")) CHECK(f.neon);
#elif defined(__x86_64__) || defined(_M_X64)
    CHECK(!f.neon);
    CHECK(gllm::isa_presence(Isa::neon) != Presence::native);
    if (f.avx512) CHECK(f.avx2);
#endif
}

TEST_CASE_TEMPLATE("select", E, ELEMENTS) {
    CpuKernels<E> k;
    CHECK(k.isa() == gllm::best_isa());
    CHECK(k.parallel.width == 1);
    CHECK(k.workspace.data == nullptr);
    std::vector<Isa> isas(std::begin(gllm::all_isas), std::end(gllm::all_isas));
    for (size_t beyond : { isas.size(), size_t(255) }) isas.push_back(static_cast<Isa>(beyond));
    for (Isa isa : isas) {
        INFO("isa " << int(isa));
        k.parallel.width  = 3;
        const Isa   before = k.isa();
        const auto* table = &k.table();
        const gllm::Status status = k.select(isa);
        if (gllm::isa_presence(isa) != Presence::absent) {
            CHECK(status);
            CHECK(k.isa() == isa);
            CHECK(k.table().isa == isa);
        } else {
            CHECK(status.code == gllm::Code::unsupported);
            CHECK((status.what && *status.what));
            CHECK(k.isa() == before);
            CHECK(&k.table() == table);
        }
        CHECK(k.parallel.width == 3);
    }
}

TEST_CASE_TEMPLATE("no table has a hole", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("table", isa, E, "");
        const gllm::KernelTable<E>& t = k.table();
        CHECK(t.isa == k.isa());
        const char* const   begin = reinterpret_cast<const char*>(&t);
        for (size_t at = sizeof(void*); at < sizeof t; at += sizeof(void*)) {      // behind the Isa a table is pointers
            uintptr_t slot;
            std::memcpy(&slot, begin + at, sizeof slot);
            CHECK_MESSAGE(slot != 0, "slot " << at / sizeof(void*) - 1);
        }
    });
}

TEST_CASE("copies are independent") {
    CpuKernels<float> a;
    CpuKernels<float> b = a;
    REQUIRE(b.select(Isa::scalar));
    CHECK(a.isa() == gllm::best_isa());
    CHECK(b.isa() == Isa::scalar);
    CHECK(sizeof(CpuKernels<float>) <= 8 * sizeof(void*));
}
