// kernels: times each assembly kernel alone, on operands in caches, and shows its cycles beside those that its file allows.
// SPDX-License-Identifier: MIT
//
// cycles   of a step: what the banner of the kernel's file counts, a step of k, a unit of 32 k and a digit, 256 codes of each
//          row, or 64 of a strip of rows; where it is half of what two rows of x take, that. A cycle is an addition of a loop in which each waits for the one before, timed beside each sample
// budget   of the same: by each "mca: cpu budget" line of the file; else the cycles of its banner, or its micro-operations on
//          two ports. For the CPUs it names: another may have half of their pipes, or twice as many
// share    of the peak of the instruction that the kernel multiplies with, measured beside the row: how much of what is paid
//          for is multiplication. A product of bytes that has to be widened on the way takes several others besides
//
// Three digits of x for kernels of bytes. Built of the library's own tables (tests/kernels.hpp); read from the directory asm/.
#include "../tests/kernels.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#if defined(__x86_64__) || defined(__aarch64__)

namespace {

using test::Kernel;

constexpr size_t DIGITS = 3, SAMPLES = 40;                      // the least of which counts: others use this machine too
constexpr double ENOUGH = 3e-4;                                 // seconds of a sample

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// ---- loops of one instruction: n steps each -----------------------------------

#define CHAINS(instruction) __asm__ volatile(".irp r,0,1,2,3,4,5,6,7,8,9,10,11\n\t" instruction "\n\t.endr" ::: CLOBBERED)
constexpr double CHAIN_COUNT = 12;
#if defined(__x86_64__)
#define CLOBBERED "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14", "xmm15"
#define LOOP(name, instruction) \
    void name(size_t n) {                                                                                       \
        __asm__ volatile("vzeroall" ::: CLOBBERED);                                                             \
        for (size_t i = 0; i < n; i++) CHAINS(instruction);                                                     \
        __asm__ volatile("vzeroupper");                                                                         \
    }
#define ADD "add %1, %0"
LOOP(fma_256,   "vfmadd231ps %%ymm14, %%ymm15, %%ymm\\r")
LOOP(fma_512,   "vfmadd231ps %%zmm14, %%zmm15, %%zmm\\r")
LOOP(bytes_256, "vpmaddubsw %%ymm14, %%ymm15, %%ymm\\r")
LOOP(dots_256,  "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm\\r")
LOOP(dots_512,  "vpdpbusd %%zmm14, %%zmm15, %%zmm\\r")
LOOP(pairs_512,  "vdpbf16ps %%zmm14, %%zmm15, %%zmm\\r")
// four tiles of sums: what there is room for
void tiles_of_bf16(size_t n) {
    while (n--) __asm__ volatile(".irp r,0,1,2,3\n\ttdpbf16ps %%tmm7, %%tmm6, %%tmm\\r\n\t.endr" ::: "memory");
}
void tiles_of_bytes(size_t n) {
    while (n--) __asm__ volatile(".irp r,0,1,2,3\n\ttdpbssd %%tmm7, %%tmm6, %%tmm\\r\n\t.endr" ::: "memory");
}
#else
#define CLOBBERED "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v30", "v31"
#define LOOP(name, instruction) \
    void name(size_t n) {                                                                                       \
        CHAINS("movi v\\r\\().4s, #0");                                                                         \
        __asm__ volatile("movi v30.4s, #0\n\tmovi v31.4s, #0" ::: CLOBBERED);                                   \
        for (size_t i = 0; i < n; i++) CHAINS(instruction);                                                     \
    }
#define ADD "add %0, %0, %1"
LOOP(fma_128,    "fmla v\\r\\().4s, v30.4s, v31.4s")
LOOP(bytes_128,  "smlal v\\r\\().8h, v30.8b, v31.8b")
LOOP(dots_128,   ".inst 0x4e9f97c0 + \\r")                      // sdot v\r.4s, v30.16b, v31.16b
LOOP(smmla_128,  ".inst 0x4e9fa7c0 + \\r")                      // smmla of the same
#endif
#undef LOOP

/// 64 n cycles.
void additions(size_t n) {
    size_t sum = 1, one = n | 1;
    for (size_t i = 0; i < n; i++) __asm__ volatile(".rept 64\n\t" ADD "\n\t.endr" : "+r"(sum) : "r"(one));
}

/// What a kernel multiplies with, by the names of kernels that begin so.
struct Unit {
    const char* kernels;
    const char* name;
    void      (*loop)(size_t n);
    double      multiplies;                                     // a step
};
const Unit UNITS[] = {
#if defined(__x86_64__)
    { "gk_gemm_avx2_",        "FMA",        fma_256,        CHAIN_COUNT * 8 },
    { "gk_gemm_avx512_",      "FMA",        fma_512,        CHAIN_COUNT * 16 },
    { "gk_gemm_avx512bf16_",  "vdpbf16ps",  pairs_512,      CHAIN_COUNT * 32 },
    { "gk_gemm_amx_",         "tdpbf16ps",  tiles_of_bf16,  4 * 16 * 16 * 32 },
    { "gk_qgemm_amx_",        "tdpbssd",    tiles_of_bytes, 4 * 16 * 16 * 64 },
    { "gk_qgemm_avx2_",       "vpmaddubsw", bytes_256,      CHAIN_COUNT * 32 },
    { "gk_qdot_avx2_",        "vpmaddubsw", bytes_256,      CHAIN_COUNT * 32 },
    { "gk_qgemm_avxvnni_",    "vpdpbusd",   dots_256,       CHAIN_COUNT * 32 },
    { "gk_qdot_avxvnni_",     "vpdpbusd",   dots_256,       CHAIN_COUNT * 32 },
    { "gk_qgemm_avx512vnni_", "vpdpbusd",   dots_512,       CHAIN_COUNT * 64 },
    { "gk_qdot_avx512",       "vpdpbusd",   dots_512,       CHAIN_COUNT * 64 },
    { "gk_qpack_avx2_",       "vpmaddubsw", bytes_256,      CHAIN_COUNT * 32 },
    { "gk_qpack_avxvnni_",    "vpdpbusd",   dots_256,       CHAIN_COUNT * 32 },
    { "gk_qpack_avx512",      "vpdpbusd",   dots_512,       CHAIN_COUNT * 64 },
#else
    { "gk_gemm_",             "fmla",       fma_128,        CHAIN_COUNT * 4 },
    { "gk_qgemm_neon_",       "smlal",      bytes_128,      CHAIN_COUNT * 8 },
    { "gk_qdot_neon_",        "smlal",      bytes_128,      CHAIN_COUNT * 8 },
    { "gk_qgemm_neondot_",    "sdot",       dots_128,       CHAIN_COUNT * 16 },
    { "gk_qdot_neondot_",     "sdot",       dots_128,       CHAIN_COUNT * 16 },
    { "gk_qgemm_neoni8mm_",   "smmla",      smmla_128,      CHAIN_COUNT * 32 },
#endif
};

// ---- what a kernel's file says ------------------------------------------------

struct Banner {
    std::string text, budgets;
    bool says(const char* words) const { return text.find(words) != std::string::npos; }
};

/// The number that ends before `at`; empty if none does.
std::string number_before(const std::string& text, size_t at) {
    size_t begin = at;
    while (begin && (isdigit(text[begin - 1]) || text[begin - 1] == '.')) begin--;
    return text.substr(begin, at - begin);
}
void add_budget(Banner& b, double cycles, const std::string& whose) {
    char text[96];
    snprintf(text, sizeof text, "%s%g %s", b.budgets.empty() ? "" : ", ", cycles, whose.c_str());
    b.budgets += text;
}

/// "mca: CPU UNITS*CYCLES", on as many pipes, "/2" on twice as many; what LLVM takes for more, "*2", is its own affair.
void read_mca_line(Banner& b, const std::string& line) {
    std::istringstream words(line.substr(strlen("// mca: ")));
    std::string cpu, budget;
    words >> cpu >> budget;
    const double cycles = atof(budget.c_str() + budget.find('*') + 1);
    add_budget(b, budget.find('/') != std::string::npos ? cycles / 2 : cycles, cpu);
}

Banner banner_of(const char* kernel) {
#if defined(__x86_64__)
    std::ifstream file(std::string("asm/x86_64/") + kernel + ".S");
#else
    std::ifstream file(std::string("asm/aarch64/") + kernel + ".S");
#endif
    Banner b;
    for (std::string line; std::getline(file, line) && line.compare(0, 2, "//") == 0;) {
        if (line.compare(0, 8, "// mca: ") == 0) read_mca_line(b, line);
        b.text += line.substr(2) + "\n";
    }
    if (!b.budgets.empty()) return b;
    for (size_t at = b.text.find(" = "); at != std::string::npos; at = b.text.find(" = ", at + 1)) {
        const size_t end = b.text.find_first_not_of("0123456789.", at + 3);
        if (end != std::string::npos && b.text.compare(end, 7, " cycles") == 0) {
            add_budget(b, atof(b.text.c_str() + at + 3), "by its banner");
            return b;
        }
    }
    const size_t operations = b.text.find("micro-operations of vectors"), sums = b.text.find(" and ", b.text.rfind(": "));
    if (operations != std::string::npos && sums != std::string::npos)                       // "...: 402 and 322."
        add_budget(b, atof(number_before(b.text, sums).c_str()) / 2, "by its micro-operations");
    return b;
}

// ---- what calls a kernel ------------------------------------------------------

/// Bytes low .. 63, 64 of them behind n: floats of any width that they make are ordinary numbers.
class Bytes {
public:
    Bytes(size_t n, unsigned low) : bytes_(n + 128) {
        uint64_t state = 88172645463325252ull + n;
        for (unsigned char& b : bytes_) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            b = static_cast<unsigned char>(low + (state >> 40) % (64 - low));
        }
    }
    template <class T> T* as() {
        const auto at = reinterpret_cast<uintptr_t>(bytes_.data());
        return reinterpret_cast<T*>(bytes_.data() + (64 - at % 64) % 64);
    }
private:
    std::vector<unsigned char> bytes_;
};
std::shared_ptr<Bytes> panel(size_t bytes) { return std::make_shared<Bytes>(bytes, 56); }

struct Call {
    std::function<void()> run;
    double steps, multiplies;
};

struct Ahead { const void* row; size_t stride, rows; };
struct TileOfC { float* c; size_t ldc, accumulate; Ahead ahead; };
using GemmTile  = void(size_t k, const float* a, const float* b, const TileOfC* tile);
using DigitTile = void(size_t groups, size_t digits, const void* a, const void* b, float* t);
using CodesTile = void(size_t groups, size_t digits, size_t rows, const void* x, const void* codes, float* t);
using AmxTile   = void(size_t steps, const void* a, const void* b, void* t, size_t accumulate, const void* ahead);
using Switch    = void(size_t on);
struct DotJob {
    const void* weights;
    size_t      row_bytes, segment_bytes, rows, blocks, digits;
    const void* x;
    float*      y;
    size_t      y_segment;
    const void* codebook;
    size_t      inputs, x_bytes, y_row;
    alignas(64) uint8_t room[1024 + 16 * 320];
};

Call gemm_call(const Kernel& kernel, const Banner&) {
    const size_t k = 256;
    const auto a = panel(4 * k * kernel.rows), b = panel(4 * k * kernel.columns), c = panel(4 * kernel.rows * kernel.columns);
    const auto run = reinterpret_cast<GemmTile*>(kernel.run);
    return { [=] {
        const TileOfC tile = { c->as<float>(), kernel.columns, 0, { b->as<char>(), 64, k / 16 } };
        run(k, a->as<float>(), b->as<float>(), &tile);
    }, double(k), double(k * kernel.rows * kernel.columns) };
}

Call digits_call(const Kernel& kernel, const Banner& banner) {
    const size_t groups = 16, units = groups * DIGITS;
    const auto a = panel(units * (40 * kernel.rows)), b = panel(32 * groups * kernel.columns), t = panel(4 * kernel.rows * kernel.columns);
    const auto run = reinterpret_cast<DigitTile*>(kernel.run);
    return { [=] { run(groups, DIGITS, a->as<char>(), b->as<char>(), t->as<float>()); },
             double(units * (banner.says("Half a unit") ? 2 : 1)), double(32 * units * kernel.rows * kernel.columns) };
}

Call dots_call(const Kernel& kernel, const Banner& banner) {
    const size_t rows = 2, blocks = 16, k = 256 * blocks, bytes = test::row_bytes(kernel, k);
    const size_t inputs = banner.says("by two of x") ? 2 : 1, x_bytes = test::prepared_bytes(kernel, k, DIGITS);
    const auto w = std::make_shared<Bytes>(kernel.rows * rows * bytes, 32), x = panel(inputs * x_bytes);
    const auto y = std::make_shared<std::vector<float>>(inputs * kernel.rows * rows);
    std::vector<float> floats(k);
    for (size_t i = 0; i < k; i++) floats[i] = float(i * 37 % 101) - 50;
    for (size_t i = 0; i < inputs; i++) test::prepare(kernel, floats.data(), k, DIGITS, x->as<uint8_t>() + i * x_bytes);
    const auto run = reinterpret_cast<void (*)(DotJob*)>(kernel.run);
    const void* const codebook = test::codebook(kernel);
    return { [=] {
        alignas(64) static DotJob job;
        job.weights = w->as<char>(), job.row_bytes = bytes, job.segment_bytes = rows * bytes, job.rows = rows, job.blocks = blocks;
        job.digits = DIGITS, job.x = x->as<char>(), job.y = y->data(), job.y_segment = rows;
        job.codebook = codebook, job.inputs = inputs, job.x_bytes = x_bytes, job.y_row = kernel.rows * rows;
        run(&job);
    }, double(rows * blocks * inputs * (banner.says("A block of a row") ? kernel.rows : 1)), double(k * DIGITS * kernel.rows * rows * inputs) };
}

/// Strips of rows by one of x.
Call strips_call(const Kernel& kernel, const Banner&) {
    const size_t strips = 8, blocks = 4, k = 256 * blocks;
    const auto w = panel(strips * blocks * test::strip_bytes(kernel)), x = panel(test::bytes_for_strips(kernel, k, DIGITS));
    const auto y = std::make_shared<std::vector<float>>(strips * kernel.rows);
    const auto run = reinterpret_cast<void (*)(DotJob*)>(kernel.run);
    return { [=] {
        alignas(64) static DotJob job;
        job.weights = w->as<char>(), job.rows = strips, job.blocks = blocks, job.digits = DIGITS, job.x = x->as<char>();
        job.y = y->data(), job.inputs = 1, job.x_bytes = test::bytes_for_strips(kernel, k, DIGITS), job.y_row = y->size();
        run(&job);
    }, double(4 * strips * blocks), double(k * DIGITS * kernel.rows * strips) };
}

/// Panels of codes: a step is a group of k and a digit.
Call codes_call(const Kernel& kernel, const Banner&) {
    const size_t groups = 16, k = groups * kernel.kind;
    const auto x = panel(kernel.rows * (DIGITS * k + 4 * groups)), w = panel(kernel.columns * (k + 8 * groups)), t = panel(8 * kernel.rows * kernel.columns);
    const auto run = reinterpret_cast<CodesTile*>(kernel.run);
    return { [=] { run(groups, DIGITS, kernel.rows, x->as<char>(), w->as<char>(), t->as<float>()); },
             double(groups * DIGITS), double(k * DIGITS * kernel.rows * kernel.columns) };
}

/// `depth` k a step; products of `planes` of A and B in all.
Call tiles_call(const Kernel& kernel, size_t depth, size_t planes_a, size_t planes_b, size_t products) {
    const size_t steps = 16;
    const auto a = panel(2048 * steps * planes_a), b = panel(2048 * steps * planes_b), t = panel(4096);
    const auto run = reinterpret_cast<AmxTile*>(kernel.run);
    return { [=] {
        const void* const ahead[4] = { t->as<char>(), nullptr, a->as<char>(), reinterpret_cast<const void*>(kernel.rows) };
        run(steps, a->as<char>(), b->as<char>(), t->as<char>(), 0, ahead);
    }, double(steps), double(steps * products * depth * kernel.rows * kernel.columns) };
}
Call bytes_call(const Kernel& kernel, const Banner&) { return tiles_call(kernel, 64, 1, 1, 1); }
Call terms_call(const Kernel& kernel, const Banner&) {
    const size_t a = kernel.kind / 10, b = kernel.kind % 10;    // of three terms each, the six largest products
    return tiles_call(kernel, 32, a, b, a == 3 && b == 3 ? 6 : a * b);
}

// ---- measuring ----------------------------------------------------------------

/// The seconds of one f(n), and an n that takes long enough.
template <class F> double seconds(F f, size_t n) {
    const double start = now();
    f(n);
    return now() - start;
}
template <class F> size_t enough(F f) {
    size_t n = 1;
    while (seconds(f, n) < ENOUGH / 2 && n < size_t(1) << 32) n *= 2;
    return n * 2;
}

void measure(const Kernel& kernel, const Unit& unit, const Banner& banner, const Call& call) {
    const auto calls = [&](size_t n) { while (n--) call.run(); };
    const size_t reps = enough(calls), clock_reps = enough(additions), unit_reps = enough(unit.loop);
    double tick = HUGE_VAL, step_of_unit = HUGE_VAL, each = HUGE_VAL;
    for (size_t i = 0; i < SAMPLES; i++) {
        tick = std::min(tick, seconds(additions, clock_reps) / double(64 * clock_reps));
        step_of_unit = std::min(step_of_unit, seconds(unit.loop, unit_reps) / double(unit_reps));
        each = std::min(each, seconds(calls, reps) / double(reps));
    }
    const double rate = call.multiplies / each;
    printf("%-30s %9.2f %9.1f G/s %7.1f%% of %-10s   %s\n", kernel.name, each / call.steps / tick, rate * 1e-9,
           100 * rate * step_of_unit / unit.multiplies, unit.name, banner.budgets.c_str());
    fflush(stdout);
}

const Unit* unit_of(const char* kernel) {
    for (const Unit& u : UNITS)
        if (strncmp(kernel, u.kernels, strlen(u.kernels)) == 0) return &u;
    return nullptr;
}

struct Table { const char* name; Call (*call)(const Kernel& kernel, const Banner& banner); };
const Table TABLES[] = { { "gemm_tiles", gemm_call }, { "digit_tiles", digits_call }, { "codes_tiles", codes_call }, { "dot_rows", dots_call },
                         { "strip_rows", strips_call },
                         { "byte_tiles", bytes_call }, { "term_tiles", terms_call } };

} // namespace

/// kernels [NAME]: those with NAME in theirs.
int main(int argc, char** argv) {
    const char* const wanted = argc > 1 ? argv[1] : "";
    size_t named = 0, absent = 0;
    printf("%-30s %9s %13s %8s %13s   %s\n", "kernel", "cycles", "multiplies", "share", "", "budget");
    const auto tiles = test::kernels("tile_switches");
    const auto tiles_on = [&](size_t on) { for (const Kernel& k : tiles) if (k.present) reinterpret_cast<Switch*>(k.run)(on); };
    for (const Table& table : TABLES)
        for (const Kernel& kernel : test::kernels(table.name)) {
            if (!strstr(kernel.name, wanted)) continue;
            named++;
            const Unit* const unit = unit_of(kernel.name);
            if (!unit) { fprintf(stderr, "kernels: no unit for %s\n", kernel.name); return 1; }
            if (!kernel.present) { absent++; continue; }
            const Banner banner = banner_of(kernel.name);
            tiles_on(1);
            measure(kernel, *unit, banner, table.call(kernel, banner));
            tiles_on(0);
        }
    if (absent) printf("# %zu others are not for this CPU\n", absent);
    if (!named) fprintf(stderr, "kernels: none has in its name \"%s\"\n", wanted);
    return named ? 0 : 2;
}

#else
int main() { puts("# no assembly kernels for this machine"); }
#endif
