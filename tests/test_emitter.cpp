// The machine code of compiled layers. Every form of instruction is what the system's assembler makes of it; op by op, interpreted
// and as machine code a graph gives the same bits, inside guard pages; functions keep what is the caller's; a system that lends no
// memory for code gets the interpreter. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#define GLLM_KERNELS_COMPILER
#include "calling.hpp"
#include "harness.hpp"

#include <cstring>
#include <fstream>
#include <memory>

#if defined(__linux__)
#include <sys/syscall.h>
#endif

using namespace test;
using gllm::any_rows;
using gllm::CodeGenUnit;
using gllm::CompiledLayer;
using gllm::CompileOptions;
using gllm::CompilerGraph;
using gllm::CpuKernels;
using gllm::DeviceProfile;
using gllm::DType;
using gllm::Isa;
using gllm::OpKind;
using gllm::TensorRef;
using Floats = std::vector<float>;

/// The set that has an emitter on this machine.
#if defined(__x86_64__) && !defined(__ILP32__)
static const Isa    SET   = Isa::avx2;
static const size_t LANES = 8;
#elif defined(__aarch64__)
static const Isa    SET   = Isa::neon;
static const size_t LANES = 4;
#else
static const Isa    SET   = Isa::scalar;
static const size_t LANES = 1;
#endif
static bool has_code(Isa isa) {
#ifdef GLLM_KERNELS_NO_JIT
    return false;
#endif
    return isa == SET && isa != Isa::scalar && gllm::isa_presence(isa) == gllm::Presence::native;
}
static bool skipped() {
    if (has_code(SET)) return false;
    MESSAGE("skipped: no machine code for this CPU");
    return true;
}
static std::string as_text(const CompiledLayer& layer) {
    std::string s;
    layer.describe([](void* user, const char* t, size_t n) { static_cast<std::string*>(user)->append(t, n); }, &s);
    return s;
}
static DeviceProfile profile_of(Isa isa) {
    DeviceProfile p = DeviceProfile::host();
    p.isa = isa;
    return p;
}

// ---- memory for code, watched -----------------------------------------------------

[[maybe_unused]] static bool refuse_code;
[[maybe_unused]] static size_t writable_code;                   // calls that would have memory written and executed
#if defined(__linux__) && defined(__x86_64__)
/// In the place of the system's: the library and the guard pages call it.
extern "C" int mprotect(void* at, size_t bytes, int protection) noexcept {
    if (protection & PROT_EXEC && protection & PROT_WRITE) writable_code++;
    if (protection & PROT_EXEC && refuse_code) return -1;
    return int(syscall(SYS_mprotect, at, bytes, protection));
}
#endif

// ---- instructions against an assembler ---------------------------------------------

#if !defined(_WIN32) && (defined(__x86_64__) || defined(__aarch64__))
/// Those of the machine that runs the test, which may be another one's emulator.
static const std::string TOOLS =
    LANES == 4 && std::system("command -v aarch64-linux-gnu-as >/dev/null 2>&1") == 0 ? "aarch64-linux-gnu-" : "";
static bool can_assemble() {
    if (std::system((TOOLS + "as --version >/dev/null 2>&1 && " + TOOLS + "objcopy --version >/dev/null 2>&1").c_str()) == 0) return true;
    MESSAGE("skipped: no assembler here");
    return false;
}
static bool assemble(const std::string& text, std::vector<uint8_t>& bytes) {
    const std::string base = "/tmp/gllm_emitter_" + std::to_string(getpid());
    std::ofstream(base + ".s") << text;
    const std::string run = TOOLS + "as -o " + base + ".o " + base + ".s 2>" + base + ".err && " +
                            TOOLS + "objcopy -O binary -j .text " + base + ".o " + base + ".bin";
    const bool done = std::system(run.c_str()) == 0;
    if (!done) {
        std::ifstream err(base + ".err");
        std::string line;
        for (int i = 0; i < 3 && std::getline(err, line); i++) MESSAGE(line);
        const size_t at = line.find(".s:");
        if (at != std::string::npos) {
            std::istringstream lines(text);
            for (long i = std::atol(line.c_str() + at + 3) - 1; i > 0 && std::getline(lines, line);) i--;
            MESSAGE(line);
        }
    }
    std::ifstream in(base + ".bin", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    for (const char* end : { ".s", ".o", ".err", ".bin" }) std::remove((base + end).c_str());
    return done;
}

/// Where the bytes of instructions, a line of text each, are not the assembler's.
static void check_listing(const std::string& lines, const std::vector<uint8_t>& bytes, const std::vector<size_t>& begin,
                          const char* syntax) {
    std::vector<uint8_t> want;
    REQUIRE(assemble(syntax + lines, want));
    size_t wrong = 0, line = 0;
    for (size_t i = 0; i < begin.size(); i++) {
        const size_t end = i + 1 < begin.size() ? begin[i + 1] : bytes.size(), next = lines.find('\n', line);
        const bool same = end <= want.size() && std::memcmp(&bytes[begin[i]], &want[begin[i]], end - begin[i]) == 0;
        if (!same && wrong++ < 3) {
            std::string hex;
            for (size_t k = begin[i]; k < end; k++) { char t[4]; std::snprintf(t, sizeof t, "%02x ", bytes[k]); hex += t; }
            CHECK_MESSAGE(same, lines.substr(line, next - line) << ": " << hex);
        }
        line = next + 1;
    }
    CHECK(wrong == 0);
    CHECK(bytes.size() == want.size());
    MESSAGE(begin.size() << " instructions");
}
#endif

#if defined(__x86_64__) && !defined(__ILP32__) && !defined(_WIN32)
namespace gllm { namespace impl {
size_t x86_rows_count();
const char* x86_row(size_t row, unsigned* form, unsigned* wide, unsigned* immediate);
size_t x86_encode(size_t row, unsigned reg, unsigned v, bool memory, uint8_t base, uint8_t index, uint8_t scale, int32_t offset,
                  int32_t imm, uint8_t* out);
} }

namespace {

/// Instructions as text, and as bytes.
struct Listing {
    std::string text;
    std::vector<uint8_t> bytes;
    std::vector<size_t>  begin;

    enum Form { none, rm, mr, rvm, mvr, rvmr, vm, m, o };
    static std::string name(unsigned r, unsigned wide) {        // 1, 2: of 128, 256 bits; 3, 4: of 32, 64 bits; 0: of 16
        static const char* const whole[] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };
        if (wide == 1 || wide == 2) return (wide == 1 ? "xmm" : "ymm") + std::to_string(r);
        if (r < 8) return (wide == 4 ? "r" : wide == 3 ? "e" : "") + std::string(whole[r]);
        return "r" + std::to_string(r) + (wide == 4 ? "" : wide == 3 ? "d" : "w");
    }
    static std::string memory(unsigned base, unsigned index, unsigned scale, int32_t offset) {
        std::string s = "[" + (base == 16 ? std::string("rip") : name(base, 4));
        if (index != 4) s += " + " + std::to_string(1u << scale) + "*" + name(index, 4);
        return s + (offset < 0 ? " - " : " + ") + std::to_string(offset < 0 ? -int64_t(offset) : int64_t(offset)) + "]";
    }
    void add(size_t row, unsigned reg, unsigned v, bool mem, unsigned base, unsigned index, unsigned scale, int32_t offset, int32_t imm) {
        unsigned form, wide, immediate;
        const std::string op = gllm::impl::x86_row(row, &form, &wide, &immediate);
        if (form == none && (immediate == 4 || op == "endbr64")) return;        // jumps; checked by what they do
        unsigned place = wide;
        if (op == "vcvtph2ps" || op == "vpmovzxwd" || op == "vcvtps2ph") place = 1;
        if (op == "movzx") place = 0;
        if (op == "mov" && form == mr) wide = place = 0;
        if (form == o) wide = 4;
        const std::string a = name(reg, wide), b = name(v, wide);
        const std::string c = mem ? memory(base, index, scale, offset) : name(base, form == o ? 4 : place);
        const char* const sized = form == m && mem ? "qword ptr " : op == "movzx" && mem ? "word ptr " : "";
        std::string t = op;
        if (op == "vmovups" && !mem) t = form == mr ? "{store} vmovups" : "{load} vmovups";
        if (op == "mov" && !mem) t = form == mr ? "{store} mov" : "{load} mov";
        if (op == "add" && !mem && form == rm) t = "{load} add";
        switch (form) {
            case rm:   t += " " + a + ", " + sized + c; break;
            case mr:   t += " " + c + ", " + a; break;
            case rvm:  t += " " + a + ", " + b + ", " + c; break;
            case mvr:  t += " " + c + ", " + b + ", " + a; break;
            case rvmr: t += " " + a + ", " + b + ", " + c + ", " + name(unsigned(imm) >> 4, wide); break;
            case vm:   t += " " + b + ", " + c; break;
            case m:    t += " " + (sized + c); break;
            case o:    t += " " + c; break;
            default: break;
        }
        if (immediate && form != rvmr) t += ", " + std::to_string(imm);
        uint8_t out[16];
        const size_t n = gllm::impl::x86_encode(row, reg, v, mem, uint8_t(base), uint8_t(index), uint8_t(scale), offset, imm, out);
        CHECK(n <= 15);
        text += t + "\n";
        begin.push_back(bytes.size());
        bytes.insert(bytes.end(), out, out + n);
    }
};

} // namespace

TEST_CASE("every form of instruction is what the assembler writes") {
    if (!can_assemble()) return;
    Listing all;
    static const int32_t offsets[] = { 0, 1, -1, 32, 127, 128, -128, -129, 0x1234567, INT32_MIN };
    for (size_t row = 0; row < gllm::impl::x86_rows_count(); row++) {
        unsigned form, wide, immediate;
        const std::string op = gllm::impl::x86_row(row, &form, &wide, &immediate);
        const auto imm = [&](unsigned i) {
            return form == Listing::rvmr ? int32_t(i % 16 * 16) : int32_t(i % 8 + 1);
        };
        if (form == Listing::none || form == Listing::o) {
            for (unsigned r = 0; r < 16; r++) all.add(row, 0, 0, false, form == Listing::none ? 0 : r, 0, 0, 0, 0);
            continue;
        }
        const unsigned vs = form == Listing::rvm || form == Listing::mvr || form == Listing::rvmr || form == Listing::vm ? 16 : 1;
        const bool only_memory = op == "lea" || op == "vmaskmovps" || (op == "vmovups" && wide == 1);
        for (unsigned r = 0; r < 16; r++)                       // every register in every place
            for (unsigned v = 0; v < vs; v++)
                for (unsigned b = 0; b < 16; b += 1 + r % 3 + v % 2)
                    if (!only_memory) all.add(row, r, v, false, b, 0, 0, 0, imm(r + v + b));
        if (form == Listing::vm) continue;                      // shifts have no memory in VEX
        for (unsigned base = 0; base <= 16; base++)             // every base and index with every size of offset
            for (unsigned index = 0; index < 16; index++)
                for (int32_t offset : offsets) {
                    if (base == 16 && index != 4) continue;
                    all.add(row, (base + index) % 16, (base * 3 + index) % vs, true, base, index, base % 4, offset, imm(base + index));
                }
    }
    check_listing(all.text, all.bytes, all.begin, ".intel_syntax noprefix\n");
}
#elif defined(__aarch64__) && !defined(_WIN32)
namespace gllm { namespace impl {
size_t a64_rows_count();
const char* a64_row(size_t row, unsigned* field);
uint32_t a64_encode(size_t row, unsigned d, unsigned n, unsigned m, int32_t imm);
} }

TEST_CASE("every form of instruction is what the assembler writes") {
    if (!can_assemble()) return;
    std::string lines;
    std::vector<uint8_t> bytes;
    std::vector<size_t> begin;
    for (size_t row = 0; row < gllm::impl::a64_rows_count(); row++) {
        unsigned field;
        const std::string pattern = gllm::impl::a64_row(row, &field);
        enum Field { none, plain, eights, sixteens, left, right, words };
        static const int32_t counts[] = { 0, 1, 2, 3, 8, 31, 64, 100, 255, 1024, 4094, 4095 };
        for (unsigned i = 0; i < 32 * 12; i++) {
            const int32_t k = counts[i / 32], shift = int32_t(1 + i % 31);
            const int32_t imm = field == plain ? k : field == eights ? 8 * k : field == sixteens ? 16 * k : field == words ? 4 * (k - 100)
                                                                                                                          : shift;
            unsigned number[3] = {};
            std::string line;
            for (size_t c = 0; c < pattern.size(); c++) {
                const size_t which = std::string("DNM").find(pattern[c]);
                if (which != std::string::npos) {               // the 31 of general registers is another
                    const bool vector = pattern[c - 1] != 'x' && pattern[c - 1] != 'w';
                    number[which] = (i * (2 * unsigned(which) + 1) + i / 32 * unsigned(which)) % (vector ? 32 : 31);
                    line += std::to_string(number[which]);
                } else if (pattern[c] == 'I') {
                    line += (field == words ? ". + " : "") + std::to_string(imm);
                } else {
                    line += pattern[c];
                }
            }
            const uint32_t word = gllm::impl::a64_encode(row, number[0], number[1], number[2], imm);
            lines += line + "\n";
            begin.push_back(bytes.size());
            for (int b = 0; b < 4; b++) bytes.push_back(uint8_t(word >> 8 * b));
        }
    }
    check_listing(lines, bytes, begin, ".arch armv8.5-a\n");
}
#endif

// ---- three ways, one result -----------------------------------------------------------

static gllm::ScalarOpRegistry& registry() {
    static gllm::ScalarOpRegistry r;
    static const bool made = [] {
        return r.add("softsign", [](auto x) { using std::abs; return x / (1.0f + abs(x)); }) &&
               r.add("smooth", [](auto x, auto y) { using std::exp; using std::sqrt; return sqrt(exp(x) + y * y) - 1.5f; }) &&
               r.add("busy", [](auto x, auto y) {               // thirty values that live at a time
                   using std::abs;
                   decltype(x + y) v[30] = { x, y, x, y, x, y, x, y, x, y, x, y, x, y, x, y, x, y, x, y, x, y, x, y, x, y, x, y, x, y };
                   for (int i = 2; i < 30; i++) v[i] = abs(v[i - 2] * (0.5f + 0.01f * float(i)) - v[i - 1]);
                   auto sum = v[29] * v[0];
                   for (int i = 1; i < 29; i++) sum = gllm::fma(v[i], v[(i * 7) % 30], sum);
                   return sum;
               }) &&
               r.add("picked", [](auto a, auto b, auto c) { using gllm::select; using std::tanh; return select(a < b, tanh(a), -c); });
    }();
    REQUIRE(made);
    return r;
}

static const OpKind UNARY[]  = { OpKind::relu, OpKind::silu, OpKind::gelu, OpKind::gelu_erf, OpKind::gelu_quick, OpKind::tanh,
                                 OpKind::exp, OpKind::neg, OpKind::abs, OpKind::sqrt, OpKind::rsqrt, OpKind::recip };
static const OpKind BINARY[] = { OpKind::add, OpKind::sub, OpKind::mul, OpKind::swiglu, OpKind::div, OpKind::max, OpKind::min };

/// Elementwise operations on a few inputs and rows, some of 16 bits; more, and with more values that live at a time, where `wide`.
static void random_maps(CompilerGraph& g, Rng& rng, size_t rows, size_t cols, bool wide) {
    gllm::ScalarOpRegistry& r = registry();
    std::vector<TensorRef> known;
    const auto dtype = [&] { return rng.below(4) ? DType::f32 : rng.below(2) ? DType::f16 : DType::bf16; };
    for (size_t i = 0, n = 1 + rng.below(4); i < n; i++) known.push_back(g.input({ rows, cols }, dtype()));
    const size_t inputs = known.size();
    if (rng.below(2)) known.push_back(g.weight("row", { 1, cols }, dtype()));
    const auto any = [&] { return known[rng.below(3) || wide ? rng.below(known.size()) : known.size() - 1]; };
    const auto full = [&] { return known.size() > inputs + 1 ? known[inputs + 1 + rng.below(known.size() - inputs - 1)] : known[0]; };
    for (size_t i = 0, n = 2 + rng.below(wide ? 28 : 10); i < n; i++) {
        const TensorRef x = i ? full() : known[0], y = any();
        switch (rng.below(9)) {
            case 0: case 1: known.push_back(g.op(UNARY[rng.below(sizeof UNARY / sizeof *UNARY)], x)); break;
            case 2: case 3: known.push_back(g.op(BINARY[rng.below(sizeof BINARY / sizeof *BINARY)], x, y)); break;
            case 4: known.push_back(g.op(BINARY[rng.below(sizeof BINARY / sizeof *BINARY)], y, x)); break;
            case 5: known.push_back(rng.below(2) ? g.scale(x, float(rng.uniform(-2, 2))) : g.clamp(x, -1, float(rng.uniform(0, 2)))); break;
            case 6: known.push_back(rng.below(2) ? g.axpy(x, float(rng.uniform(-2, 2)), y) : g.offset(x, 0.5f)); break;
            case 7: known.push_back(rng.below(2) ? g.op(r.find("softsign"), x) : g.op(r.find("smooth"), x, y)); break;
            default: known.push_back(wide && rng.below(2) ? g.op(r.find("busy"), x, y) : g.op(r.find("picked"), x, y, full()));
        }
    }
    for (size_t i = 0, n = 1 + rng.below(wide ? 4 : 2); i < n; i++) g.output(i ? full() : known.back(), dtype());
}

/// Bytes of each input in a row, then of each weight, guarded.
struct Memory {
    std::vector<std::unique_ptr<Guarded<uint8_t>>> held;
    std::vector<const void*> inputs;
    std::vector<const void*> weights;
    std::vector<std::string> names;
};
template <class E> static void put(std::vector<uint8_t>& to, Rng& rng, size_t n) {
    const std::vector<E> x = draw<E>(rng, n, rng.below(3) ? Data::gaussian : Data::specials);
    to.resize(n * sizeof(E));
    if (n) std::memcpy(to.data(), x.data(), to.size());
}
static void fill(Memory& m, const CompilerGraph& g, size_t rows, Rng& rng, Edge edge) {
    for (size_t i = 0; i < g.size(); i++) {
        const gllm::CompilerNode& n = g.node(i);
        if (n.op > gllm::CompilerOp::weight) continue;
        const size_t all = (n.desc.open ? n.desc.rows * rows : n.desc.rows) * n.desc.cols;
        std::vector<uint8_t> bytes;
        if (n.desc.dtype == DType::f32)      put<float>(bytes, rng, all);
        else if (n.desc.dtype == DType::f16) put<gllm::f16>(bytes, rng, all);
        else                                 put<gllm::bf16>(bytes, rng, all);
        m.held.emplace_back(new Guarded<uint8_t>(bytes, edge));
        if (n.op == gllm::CompilerOp::input) m.inputs.push_back(m.held.back()->data());
        else { m.weights.push_back(m.held.back()->data()); m.names.push_back(n.name); }
    }
}
using Results = std::vector<std::unique_ptr<Guarded<uint8_t>>>;
static size_t bytes_of(DType d) { return d == DType::f32 ? 4 : 2; }
static Results run(CompiledLayer& layer, const CompilerGraph& g, const Memory& m, size_t rows, size_t cols, size_t open_rows, Edge edge) {
    Results out;
    std::vector<void*> at;
    for (const CompilerGraph::Output& o : g.outputs()) {
        out.emplace_back(new Guarded<uint8_t>(rows * cols * bytes_of(o.dtype), edge));
        at.push_back(out.back()->data());
    }
    for (size_t i = 0; i < m.names.size(); i++) REQUIRE(layer.bind(m.names[i].c_str(), m.weights[i]));
    const gllm::Status s = layer.run(m.inputs.data(), at.data(), open_rows);
    CHECK_MESSAGE(s, text(s.what));
    return out;
}
template <class E> static std::string differs(const Guarded<uint8_t>& a, const Guarded<uint8_t>& b) {
    std::vector<E> x(a.size() / sizeof(E)), y(x.size());
    if (!x.empty()) { std::memcpy(x.data(), a.data(), a.size()); std::memcpy(y.data(), b.data(), b.size()); }
    return differ(x.data(), y.data(), x.size());
}

TEST_CASE("op by op, interpreted and as machine code") {
    if (skipped()) return;
    const size_t count = full() ? 30000 : small() ? 40 : 1500;
    size_t units = 0, spilled = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        Rng rng(i + 50000);
        static const size_t widths[] = { 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 40, 64, 71, 130, 301 };
        const size_t cols = widths[rng.below(sizeof widths / sizeof *widths)], rows = 1 + rng.below(5);
        const bool open = rng.below(2) != 0;
        const Edge edge = rng.below(2) ? Edge::end : Edge::begin;
        CompilerGraph g;
        random_maps(g, rng, open ? any_rows : rows, cols, i % 4 == 0);
        Memory m;
        fill(m, g, rows, rng, edge);
        CompileOptions one_by_one, interpreted, code;
        one_by_one.loop_fusion = one_by_one.machine_code = interpreted.machine_code = false;
        code.poison = true;
        code.tile_bytes = interpreted.tile_bytes = 256 << rng.below(8);
        CompiledLayer layers[3];
        Results results[3];
        const CompileOptions* const options[] = { &one_by_one, &interpreted, &code };
        for (int w = 0; w < 3; w++) {
            const gllm::Status s = layers[w].compile(g, profile_of(SET), *options[w]);
            REQUIRE_MESSAGE(s, text(layers[w].message()));
            results[w] = run(layers[w], g, m, rows, cols, open ? rows : 1, edge);
        }
        INFO("graph " << i << ", " << rows << " x " << cols << (open ? ", open" : "") << ", seed " << seed() << "\n" << as_text(layers[2]));
        CHECK(text(layers[1].backend()) == "interpreter");
        for (const CodeGenUnit& u : layers[2].code()->units) {
            units++;
            spilled += u.spilled != 0;
            most = std::max<size_t>(most, u.registers);
        }
        for (size_t o = 0; o < g.outputs().size(); o++) {
            const DType d = g.outputs()[o].dtype;
            for (int w = 1; w < 3; w++) {
                const Guarded<uint8_t>&a = *results[w][o], &b = *results[0][o];
                const std::string wrong = d == DType::f32 ? differs<float>(a, b) : d == DType::f16 ? differs<gllm::f16>(a, b)
                                                                                                   : differs<gllm::bf16>(a, b);
                INFO("output " << o << (w == 1 ? ", interpreted" : ", machine code"));
                CHECK_MESSAGE(wrong.empty(), wrong);
            }
        }
    }
    MESSAGE(units << " functions, " << spilled << " with values on the stack, at most " << most << " registers");
    CHECK(units > count / 2);
    CHECK(spilled > count / 200);
    CHECK(most >= 16);
}

// ---- what is the caller's ----------------------------------------------------------------

#if (defined(__x86_64__) && !defined(__ILP32__)) || defined(__aarch64__)
TEST_CASE("functions keep the caller's registers and stack") {
    if (skipped()) return;
    struct LoopCall { uint64_t rows; int64_t begin; uint64_t rest; int32_t mask[8]; void* at[11]; size_t step[11]; };
    for (size_t i = 0; i < 60; i++) {
        Rng rng(i + 90000);
        const size_t cols = 1 + rng.below(40);
        CompilerGraph g;
        random_maps(g, rng, 2, cols, i % 2 == 0);
        CompiledLayer layer;
        REQUIRE(layer.compile(g, profile_of(SET)));
        for (const CodeGenUnit& u : layer.code()->units) {
            LoopCall call = { 2, -2 * int64_t(cols / LANES * LANES), cols % LANES, {}, {}, {} };
            Floats room((u.end - u.begin) * 2 * cols);
            for (size_t k = 0; k < 8; k++) call.mask[k] = k < cols % LANES ? -1 : 0;
            for (uint32_t p = 0; p < u.end - u.begin; p++) {
                const gllm::TensorDesc& d = layer.dag()->nodes[layer.code()->pointers[u.begin + p].node].desc;
                call.at[p]   = reinterpret_cast<uint8_t*>(room.data() + p * 2 * cols) + cols / LANES * LANES * bytes_of(d.dtype);
                call.step[p] = cols * bytes_of(d.dtype);
            }
            void (*function)(LoopCall*);
            const uint8_t* const entry = layer.code()->code + u.offset;
            std::memcpy(&function, &entry, sizeof function);
            const std::string broken = test::call(function, &call);
            CHECK_MESSAGE(broken.empty(), broken);
        }
    }
}
#endif

// ---- memory that may be executed -------------------------------------------------------------

TEST_CASE("a system that lends no memory for code gets the interpreter; no memory is written and executed") {
    CompilerGraph g;
    TensorRef x = g.input({ 5, 21 });
    for (int i = 0; i < 4; i++) x = g.op(UNARY[i], x);
    g.output(x);
    Rng rng(1);
    Memory m;
    fill(m, g, 5, rng, Edge::end);
    CompiledLayer layer, refused, asked;
    const DeviceProfile host = DeviceProfile::host();
    REQUIRE(layer.compile(g, host));
    CHECK(text(layer.backend()) == (has_code(host.isa) ? text(gllm::isa_name(host.isa)) : "interpreter"));
    CompileOptions without;
    without.machine_code = false;
    REQUIRE(asked.compile(g, host, without));
    CHECK(text(asked.backend()) == "interpreter");
    CHECK(asked.code()->units.size() == 0);
    const Results a = run(layer, g, m, 5, 21, 1, Edge::end), b = run(asked, g, m, 5, 21, 1, Edge::end);
    CHECK(differs<float>(*a[0], *b[0]) == "");
#if defined(__linux__) && defined(__x86_64__)
    refuse_code = true;
    REQUIRE(refused.compile(g, host));
    refuse_code = false;
    CHECK(text(refused.backend()) == "interpreter");
    CHECK(refused.code()->units.size() == 0);
    const Results c = run(refused, g, m, 5, 21, 1, Edge::end);
    CHECK(differs<float>(*a[0], *c[0]) == "");
    CHECK(writable_code == 0);
#endif
    for (Isa isa : gllm::all_isas) {
        if (!present(isa)) continue;
        REQUIRE(layer.compile(g, profile_of(isa)));
        CHECK(text(layer.backend()) == (has_code(isa) ? text(gllm::isa_name(isa)) : "interpreter"));
    }
}
