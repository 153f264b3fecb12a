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

/// The sets that have an emitter, if this is a machine for them.
#if (defined(__x86_64__) && !defined(__ILP32__)) || defined(__aarch64__)
static const bool EMITS = true;
#else
static const bool EMITS = false;
#endif
static size_t lanes(Isa isa) { return isa == Isa::avx512 ? 16 : isa == Isa::avx2 ? 8 : 4; }
static bool has_code(Isa isa) {
#ifdef GLLM_KERNELS_NO_JIT
    return false;
#endif
    return EMITS && isa != Isa::scalar && gllm::isa_presence(isa) == gllm::Presence::native;
}
static std::vector<Isa> sets() {
    std::vector<Isa> all;
    for (Isa isa : gllm::all_isas) if (has_code(isa)) all.push_back(isa);
    if (all.empty()) MESSAGE("skipped: no machine code for this CPU");
    return all;
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
#if defined(__aarch64__)
static const std::string TOOLS =
    std::system("command -v aarch64-linux-gnu-as >/dev/null 2>&1") == 0 ? "aarch64-linux-gnu-" : "";
#else
static const std::string TOOLS;
#endif
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
const char* x86_row(size_t row, unsigned (&columns)[6]);
size_t x86_encode(size_t row, const int32_t (&operands)[11], uint8_t* out);
} }

namespace {

/// A row of the table; wide: its form of 512 bits.
struct Row {
    enum Form { none, rm, mr, rvm, mvr, rvmr, vm, m, o };
    size_t      row;
    std::string op;
    Form        form;
    bool        vector, wide;
    unsigned    w, l, immediate, memory_bytes;
    Row(size_t r, bool evex) : row(r), wide(evex) {
        unsigned c[6];
        op           = gllm::impl::x86_row(r, c);
        form         = Form(c[0]);
        vector       = c[1] != 0;
        w            = c[2];
        l            = c[3];
        immediate    = c[4];
        memory_bytes = c[5];
        if (!wide) return;
        if (op == "vpand" || op == "vpor") op += "d";           // names that EVEX has for the same opcode
        if (op == "vroundps") op = "vrndscaleps";
    }
    bool exists() const      { return wide ? memory_bytes != 0 : l < 2; }
    bool three() const       { return form == rvm || form == mvr || form == rvmr || form == vm; }
    bool of_masks() const    { return op[0] == 'k'; }
    bool only_memory() const {
        return op == "lea" || op == "vmaskmovps" || op == "kmovw" || op == "prefetcht0" || (op == "vmovups" && !wide && l == 0);
    }
    bool can_mask() const    { return wide && (op == "vmovups" || op == "vblendmps" || memory_bytes == 32); }
    bool can_spread() const  { return wide && memory_bytes == 64 && op != "vmovups"; }
    bool no_memory() const   { return (!wide && form == vm) || (of_masks() && op != "kmovw"); }
};
/// Registers, or an address; each: an element for all lanes. k: of a mask, or 0.
struct Operands {
    unsigned reg, v;
    bool     memory;
    unsigned base, index, scale;
    int32_t  offset, imm;
    bool     each;
    unsigned k;
};

/// Instructions as text, and as bytes.
struct Listing {
    std::string text;
    std::vector<uint8_t> bytes;
    std::vector<size_t>  begin;

    enum Kind { word, dword, qword, xmm, ymm, zmm, mask };
    static std::string name(unsigned r, Kind kind) {
        static const char* const whole[] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };
        static const char* const kinds[] = { "w", "d", "", "xmm", "ymm", "zmm", "k" };
        if (kind >= xmm) return kinds[kind] + std::to_string(r);
        if (r < 8) return (kind == qword ? "r" : kind == dword ? "e" : "") + std::string(whole[r]);
        return "r" + std::to_string(r) + kinds[kind];
    }
    static std::string memory(const Operands& x) {
        std::string s = "[" + (x.base == 16 ? std::string("rip") : name(x.base, qword));
        if (x.index != 4) s += " + " + std::to_string(1u << x.scale) + "*" + name(x.index, qword);
        const int64_t offset = x.offset;
        return s + (offset < 0 ? " - " : " + ") + std::to_string(offset < 0 ? -offset : offset) + "]";
    }
    /// The kind of reg and v, and that of rm.
    static Kind kind_of(const Row& e) {
        if (e.of_masks()) return mask;
        if (e.vector) return e.wide ? zmm : e.l ? ymm : xmm;
        if (e.op == "mov" && e.form == Row::mr) return word;
        return e.form == Row::o || e.w ? qword : dword;
    }
    static Kind place_of(const Row& e) {
        for (const char* half : { "vcvtph2ps", "vpmovzxwd", "vcvtps2ph", "vpmovdw" })
            if (e.op == half) return e.wide ? ymm : xmm;
        if (e.op == "vbroadcastss") return xmm;
        return e.op == "movzx" ? word : kind_of(e);
    }
    void add(const Row& e, const Operands& x) {
        if (e.form == Row::none && (e.immediate == 4 || e.op == "endbr64")) return;     // checked by what they do
        const Kind kind = kind_of(e);
        const std::string masked = x.k ? "{k" + std::to_string(x.k) + "}" : "";
        const std::string zeroed = x.k && e.form == Row::rm ? "{z}" : "";
        const std::string a = name(x.reg, e.op == "vcmpps" && e.wide ? mask : kind), b = name(x.v, kind);
        const std::string c = (x.memory ? memory(x) : name(x.base, place_of(e))) + (x.each ? "{1to16}" : "");
        const std::string sized = !x.memory || e.op == "prefetcht0" ? "" : e.form == Row::m ? "qword ptr " : e.op == "movzx" ? "word ptr " : "";
        std::string t = e.op;
        if ((e.op == "vmovups" || e.op == "mov") && !x.memory) t = (e.form == Row::mr ? "{store} " : "{load} ") + t;
        if (e.op == "add" && !x.memory && e.form == Row::rm) t = "{load} add";
        if (e.wide && e.vector) t = "{evex} " + t;
        switch (e.form) {
            case Row::rm:   t += " " + a + masked + zeroed + ", " + sized + c; break;
            case Row::mr:   t += " " + c + masked + ", " + a; break;
            case Row::rvm:  t += " " + a + masked + ", " + b + ", " + c; break;
            case Row::mvr:  t += " " + c + ", " + b + ", " + a; break;
            case Row::rvmr: t += " " + a + ", " + b + ", " + c + ", " + name(unsigned(x.imm) >> 4, kind); break;
            case Row::vm:   t += " " + b + ", " + c; break;
            case Row::m:    t += " " + (sized + c); break;
            case Row::o:    t += " " + c; break;
            default: break;
        }
        if (e.immediate && e.form != Row::rvmr) t += ", " + std::to_string(x.imm);
        uint8_t out[24];
        const auto number = [](unsigned v) { return int32_t(v); };
        const int32_t all[] = { number(x.reg), number(x.v), x.memory, number(x.base), number(x.index), number(x.scale),
                                x.offset, x.imm, e.wide, x.each, number(x.k) };
        const size_t n = gllm::impl::x86_encode(e.row, all, out);
        CHECK(n <= 15);
        text += t + "\n";
        begin.push_back(bytes.size());
        bytes.insert(bytes.end(), out, out + n);
    }
};

/// Every register in every place.
void list_registers(Listing& all, const Row& e) {
    const unsigned count = e.of_masks() ? 8 : e.wide ? 32 : 16, vs = e.three() ? count : 1;
    const unsigned to = e.wide && e.op == "vcmpps" ? 8 : count;
    for (unsigned r = 0; r < (e.form == Row::vm || e.form == Row::m ? 1 : to); r++)
        for (unsigned v = 0; v < vs; v++)
            for (unsigned b = e.wide ? (r + v) % 8 : 0; b < count; b += e.wide ? 8 : 1 + r % 3 + v % 2) {
                const int32_t imm = e.form == Row::rvmr ? int32_t((r + v + b) % 16 * 16) : int32_t((r + v + b) % 8 + 1);
                all.add(e, { r, v, false, b, 0, 0, 0, imm, false, e.can_mask() ? (r + v + b) % 8 : 0 });
            }
}
/// Every base and index with every size of offset.
void list_addresses(Listing& all, const Row& e, bool each) {
    static const int32_t offsets[] = { 0, 1, -1, 4, 32, 64, 127, 128, -128, -129, 508, 512, -512, -516, 4064, 4096,
                                       -4096, -4128, 8128, 8192, -8192, -8256, 0x1234567, INT32_MIN };
    const unsigned count = e.of_masks() ? 8 : e.wide ? 32 : 16, vs = e.three() ? count : 1;
    const unsigned to = e.wide && e.op == "vcmpps" ? 8 : count;
    unsigned turn = 0;
    for (unsigned base = 0; base <= 16; base++)
        for (unsigned index = 0; index < 16; index++)
            for (int32_t offset : offsets) {
                if (base == 16 && index != 4) continue;
                const unsigned i = turn++, scale = index == 4 ? 0 : i % 4;
                const unsigned reg = e.form == Row::vm || e.form == Row::m ? 0 : i * 5 % to;
                const int32_t  imm = e.form == Row::rvmr ? int32_t(i % 16 * 16) : int32_t(i % 8 + 1);
                all.add(e, { reg, i * 3 % vs, true, base, index, scale, offset, imm, each, e.can_mask() ? i % 8 : 0 });
            }
}

} // namespace

TEST_CASE("every form of instruction is what the assembler writes") {
    if (!can_assemble()) return;
    for (int wide = 0; wide < 2; wide++) {
        Listing all;
        for (size_t row = 0; row < gllm::impl::x86_rows_count(); row++) {
            const Row e(row, wide != 0);
            if (!e.exists()) continue;
            if (e.form == Row::none || e.form == Row::o) {
                for (unsigned r = 0; r < (e.form == Row::o ? 16 : 1); r++)
                    all.add(e, { 0, 0, false, r, 0, 0, 0, 0, false, 0 });
                continue;
            }
            if (!e.only_memory()) list_registers(all, e);
            if (e.no_memory()) continue;
            list_addresses(all, e, false);
            if (e.can_spread()) list_addresses(all, e, true);
        }
        check_listing(all.text, all.bytes, all.begin, ".intel_syntax noprefix\n");
    }
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
        enum Field { none, plain, fours, eights, sixteens, left, right, words, half };
        static const int32_t counts[] = { 0, 1, 2, 3, 8, 31, 64, 100, 255, 1024, 4094, 4095 };
        for (unsigned i = 0; i < 32 * 12; i++) {
            const int32_t k = counts[i / 32], shift = int32_t(1 + i % 31);
            const int32_t unit = field == fours || field == words ? 4 : field == eights ? 8 : field == sixteens ? 16 : 1;
            const int32_t imm = field == left || field == right ? shift : field == words ? unit * (k - 100) : unit * k;
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
               r.add("votes", [](auto x, auto y) {              // ten comparisons that live at a time
                   using gllm::select;
                   const auto a = x < y, b = -x < y, c = x + x < y, d = x * y < y, e = x - y < y, f = x < y * y;
                   const auto g = x < y - x, h = x * x < y, i = y < x, j = y + y < x;
                   auto sum = select(a, x, y);
                   for (auto m : { b, c, d, e, f, g, h, i, j }) sum = sum + select(m, sum, x);
                   return sum;
               }) &&
               r.add("settled", [](auto x, auto y) {            // by a comparison of constants
                   using gllm::select;
                   using T = decltype(x + y);
                   return select(T(1.0f) < T(2.0f), select(x < y, x, y), y);
               }) &&
               r.add("picked", [](auto a, auto b, auto c) { using gllm::select; using std::tanh; return select(a < b, tanh(a), -c); });
    }();
    REQUIRE(made);
    return r;
}

static const std::vector<OpKind> UNARY  = kinds_of(gllm::ComputePattern::elementwise, 2);
static const std::vector<OpKind> BINARY = kinds_of(gllm::ComputePattern::binary_elementwise, 3);

/// Elementwise operations and norms of a few inputs and rows, some of 16 bits; more, and with more values that live at a time, where `wide`.
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
        const std::string name = "norm" + std::to_string(i);
        switch (rng.below(10)) {
            case 0: case 1: known.push_back(g.op(UNARY[rng.below(UNARY.size())], x)); break;
            case 2: case 3: known.push_back(g.op(BINARY[rng.below(BINARY.size())], x, y)); break;
            case 4: known.push_back(g.op(BINARY[rng.below(BINARY.size())], y, x)); break;
            case 5: known.push_back(rng.below(2) ? g.scale(x, float(rng.uniform(-2, 2))) : g.clamp(x, -1, float(rng.uniform(0, 2)))); break;
            case 6: known.push_back(rng.below(2) ? g.axpy(x, float(rng.uniform(-2, 2)), y) : g.offset(x, 0.5f)); break;
            case 7: known.push_back(rng.below(3) ? g.op(r.find("softsign"), x)
                                                 : g.op(r.find(rng.below(2) ? "smooth" : "settled"), x, y)); break;
            case 8: {
                const TensorRef w = g.weight(name.c_str(), { 1, cols });
                known.push_back(rng.below(3) == 0 ? g.softmax(x) : rng.below(2) ? g.rms_norm(x, w, 1e-5f) : g.layer_norm(x, w, w, 1e-5f));
                break;
            }
            default: known.push_back(wide && rng.below(2) ? g.op(r.find(rng.below(4) ? "busy" : "votes"), x, y)
                                                          : g.op(r.find("picked"), x, y, full()));
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
static Results run(CompiledLayer& layer, const CompilerGraph& g, const Memory& m, size_t rows, size_t open_rows, Edge edge) {
    Results out;
    std::vector<void*> at;
    for (const CompilerGraph::Output& o : g.outputs()) {
        size_t cols = 0;                                        // as the layer found them
        for (const gllm::SemanticNode& n : layer.dag()->nodes) if (n.node == o.node && n.desc.cols) cols = n.desc.cols;
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

static std::string differs(DType d, const Guarded<uint8_t>& a, const Guarded<uint8_t>& b) {
    return d == DType::f32 ? differs<float>(a, b) : d == DType::f16 ? differs<gllm::f16>(a, b) : differs<gllm::bf16>(a, b);
}

static void check_three_ways(Isa isa) {
    const size_t count = full() ? 30000 : small() ? 40 : 1000;
    size_t units = 0, spilled = 0, sums = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        Rng rng(i + 50000);
        static const size_t widths[] = { 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 40, 64, 71, 130, 301, 700 };
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
        code.tile_bytes = interpreted.tile_bytes = size_t(256) << rng.below(8);
        CompiledLayer layers[3];
        Results results[3];
        const CompileOptions* const options[] = { &one_by_one, &interpreted, &code };
        for (int w = 0; w < 3; w++) {
            DeviceProfile profile = profile_of(isa);
            if (i % 3 == 0) profile.l2_bytes = 8;               // for tensors that no cache holds
            const gllm::Status s = layers[w].compile(g, profile, *options[w]);
            REQUIRE_MESSAGE(s, text(layers[w].message()));
            results[w] = run(layers[w], g, m, rows, open ? rows : 1, edge);
        }
        INFO(gllm::isa_name(isa) << ", graph " << i << ", " << rows << " x " << cols << (open ? ", open" : "")
             << ", seed " << seed() << "\n" << as_text(layers[2]));
        CHECK(text(layers[1].backend()) == "interpreter");
        for (const CodeGenUnit& u : layers[2].code()->units) {
            units++;
            spilled += u.spilled != 0;
            sums += u.sums;
            most = std::max<size_t>(most, u.registers);
        }
        for (size_t o = 0; o < g.outputs().size(); o++) {
            for (int w = 1; w < 3; w++) {
                const std::string wrong = differs(g.outputs()[o].dtype, *results[w][o], *results[0][o]);
                INFO("output " << o << (w == 1 ? ", interpreted" : ", machine code"));
                CHECK_MESSAGE(wrong.empty(), wrong);
            }
        }
    }
    MESSAGE(units << " functions, " << spilled << " with values on the stack, " << sums << " with sums of norms, at most " << most
                  << " registers");
    CHECK(units > count / 2);
    if (!small()) CHECK(spilled > count / 200);
    if (!small()) CHECK(sums > count / 20);
    CHECK(most >= 16);
}
TEST_CASE("op by op, interpreted and as machine code") {
    for (Isa isa : sets()) check_three_ways(isa);
}

// ---- products ----------------------------------------------------------------------------

/// Layers of products by weights, and by what was computed, with what follows them: none, a few operations or many, operands of a row
/// and of all rows, the product's input among them; sums that others read too.
static void random_products(CompilerGraph& g, Rng& rng, size_t rows, size_t cols) {
    static const size_t widths[] = { 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 64, 65, 100, 128, 129, 200, 256, 257 };
    const auto width = [&] { return widths[rng.below(sizeof widths / sizeof *widths)]; };
    std::vector<std::pair<TensorRef, size_t>> known = { { g.input({ rows, cols }), cols } };
    size_t made = 0;
    const auto weight = [&](size_t r, size_t c) { return g.weight(("w" + std::to_string(made++)).c_str(), { r, c }); };
    for (size_t i = 0, n = 1 + rng.below(4); i < n; i++) {
        const TensorRef x = known.back().first;
        const size_t k = known.back().second, to = rng.below(2) ? width() : k;
        const size_t from = rng.below(6);
        TensorRef t = from == 0 ? g.matmul(x, g.input({ k, to })) : from < 4 ? g.matmul(x, weight(k, to)) : g.matmul_t(x, weight(to, k));
        if (rng.below(5) == 0) g.output(t);
        if (rng.below(4) == 0) {                                // beside another product
            const TensorRef gate = g.matmul(x, weight(k, to));
            t = rng.below(2) ? g.swiglu(t, gate) : g.mul(gate, t);
        }
        if (rng.below(2)) t = g.add(t, weight(1, to));
        for (size_t j = 0, ops = rng.below(4); j < ops; j++)
            switch (rng.below(7)) {
                case 0: t = g.op(UNARY[rng.below(UNARY.size())], t); break;
                case 1:
                    t = g.op(BINARY[rng.below(BINARY.size())], t,
                             g.input({ rows, to }, rng.below(3) ? DType::f32 : DType::f16));
                    break;
                case 2: case 6: if (to == k) t = g.add(t, x); else t = g.op(OpKind::relu, t); break;
                case 3: t = g.scale(t, 0.5f); break;
                case 4: t = g.op(registry().find("softsign"), t); break;
                default: t = g.axpy(t, 0.25f, t); break;
            }
        known.push_back({ t, to });
    }
    g.output(known.back().first, rng.below(5) ? DType::f32 : rng.below(2) ? DType::f16 : DType::bf16);
}
/// By the kernels, and as machine code; how many products are functions, and how many groups run on their sums.
struct Counted { size_t products = 0, injected = 0; };
static void check_product_graph(Isa isa, const CompilerGraph& g, size_t rows, bool open, const CompileOptions& code, Rng& rng,
                                Counted& counted) {
    const Edge edge = rng.below(2) ? Edge::end : Edge::begin;
    Memory m;
    fill(m, g, rows, rng, edge);
    CompileOptions apart;
    apart.machine_code = false;
    apart.pack_weights = code.pack_weights;
    CompiledLayer layers[2];
    Results results[2];
    const CompileOptions* const options[] = { &apart, &code };
    for (int w = 0; w < 2; w++) {
        const gllm::Status s = layers[w].compile(g, profile_of(isa), *options[w]);
        REQUIRE_MESSAGE(s, text(layers[w].message()));
        results[w] = run(layers[w], g, m, rows, open ? rows : 1, edge);
    }
    INFO(gllm::isa_name(isa) << ", rows " << rows << (open ? ", open" : "") << ", seed " << seed() << "\n" << as_text(layers[1]));
    for (const gllm::FusionGroup& f : layers[1].fusion()->groups) {
        counted.products += f.strategy == gllm::FusionStrategy::kernel_call && f.units;
        counted.injected += f.injected;
    }
    for (size_t o = 0; o < g.outputs().size(); o++) {
        const std::string wrong = differs(g.outputs()[o].dtype, *results[1][o], *results[0][o]);
        INFO("output " << o);
        CHECK_MESSAGE(wrong.empty(), wrong);
    }
}
static void check_products(Isa isa) {
    const size_t count = full() ? 20000 : small() ? 60 : 800;
    Counted counted;
    for (size_t i = 0; i < count; i++) {
        Rng rng(i + 150000);
        static const size_t depths[] = { 1, 2, 3, 4, 7, 8, 13, 16, 31, 64, 65, 127, 128, 129, 255, 256 };
        const size_t cols = depths[rng.below(sizeof depths / sizeof *depths)], rows = rng.below(3) ? 1 + rng.below(33) : 1 + rng.below(4);
        const bool open = rng.below(2) != 0;
        CompilerGraph g;
        random_products(g, rng, open ? any_rows : rows, cols);
        CompileOptions code;
        code.poison = true;
        code.pack_weights = rng.below(4) != 0;
        code.row_bands = rng.below(3) != 0;
        code.tile_bytes = rng.below(3) ? 0 : size_t(256) << rng.below(8);
        INFO("graph " << i);
        check_product_graph(isa, g, rows, open, code, rng, counted);
    }
    MESSAGE(counted.products << " products, " << counted.injected << " with what is behind them");
    CHECK(counted.products > count / 2);
    CHECK(counted.injected > count / 3);
}
/// The sum's own buffer is an output, so that the result would take the place of the product's input.
static void check_residual(Isa isa) {
    for (size_t cols : { size_t(24), size_t(64), size_t(100) }) {
        CompilerGraph g;
        const TensorRef x = g.op(OpKind::tanh, g.input({ 20, cols })), sums = g.matmul(x, g.weight("w", { cols, cols }));
        g.output(sums);
        g.output(g.matmul(g.add(sums, x), g.weight("v", { cols, 40 })));
        Counted counted;
        Rng rng(cols);
        check_product_graph(isa, g, 20, false, {}, rng, counted);
        CHECK(counted.products == 2);
        CHECK(counted.injected == 1);
    }
}
TEST_CASE("a product's input is not written over while other columns need it") {
    for (Isa isa : sets()) check_residual(isa);
}
TEST_CASE("products by the kernels, and as machine code with what is behind them") {
    for (Isa isa : sets()) check_products(isa);
}

/// The first element at a multiple of 64 bytes.
template <class E> static E* aligned(std::vector<E>& v) {
    return v.data() + (64 - reinterpret_cast<uintptr_t>(v.data()) % 64) % 64 / sizeof(E);
}
static void check_offset(CompiledLayer (&layers)[2], size_t n, size_t offset, size_t other) {
    Rng rng(7);
    const Floats from = draw<float>(rng, n, Data::gaussian);
    const std::vector<gllm::f16> halves = draw<gllm::f16>(rng, n, Data::gaussian);
    Floats a(n + 64), out[2] = { Floats(n + 64), Floats(n + 64) };
    std::vector<gllm::f16>  b(n + 64);
    std::vector<gllm::bf16> narrow[2] = { std::vector<gllm::bf16>(n + 64), std::vector<gllm::bf16>(n + 64) };
    std::copy(from.begin(), from.end(), aligned(a) + offset);
    std::copy(halves.begin(), halves.end(), aligned(b) + other);
    const void* const in[] = { aligned(a) + offset, aligned(b) + other };
    for (int w = 0; w < 2; w++) {
        void* const to[] = { aligned(out[w]) + offset, aligned(narrow[w]) + offset };
        CHECK(layers[w].run(in, to));
    }
    CHECK(differ(aligned(out[0]), aligned(out[1]), n + 32) == "");
    CHECK(differ(aligned(narrow[0]), aligned(narrow[1]), n + 32) == "");
}
TEST_CASE("wherever tensors begin, at the same element of a line or not") {
    for (Isa isa : sets()) {
        CompilerGraph g;
        const size_t vector = lanes(isa), n = 260 * vector + 3;
        const TensorRef x = g.input({ 1, n }), y = g.input({ 1, n }, DType::f16);
        const TensorRef z = g.mul(g.op(OpKind::exp, g.add(x, y)), x);
        g.output(z);
        g.output(z, DType::bf16);
        CompiledLayer layers[2];
        CompileOptions interpreted;
        interpreted.machine_code = false;
        REQUIRE(layers[0].compile(g, profile_of(isa)));
        REQUIRE(layers[1].compile(g, profile_of(isa), interpreted));
        for (size_t i = 0; i < 2 * vector; i++) {
            INFO(gllm::isa_name(isa) << ", offset " << i);
            check_offset(layers, n, i % vector, i % vector + i / vector);
        }
    }
}

// ---- what is the caller's ----------------------------------------------------------------

#if (defined(__x86_64__) && !defined(__ILP32__)) || defined(__aarch64__)
static void check_caller(Isa isa) {
    struct LoopCall { uint64_t rows; int64_t begin; uint64_t rest; int32_t mask[8]; void* at[11]; size_t step[11]; };
    const size_t vector = lanes(isa);
    for (size_t i = 0; i < 60; i++) {
        Rng rng(i + 90000);
        const size_t cols = 1 + rng.below(40), whole = cols / vector * vector;
        CompilerGraph g;
        random_maps(g, rng, 2, cols, i % 2 == 0);
        CompiledLayer layer;
        REQUIRE(layer.compile(g, profile_of(isa)));
        for (const CodeGenUnit& u : layer.code()->units) {
            LoopCall call = { 2, -2 * int64_t(whole), cols - whole, {}, {}, {} };
            Floats room((u.end - u.begin) * 2 * cols);
            for (size_t k = 0; k < 8; k++) call.mask[k] = k < cols - whole ? -1 : 0;
            if (isa == Isa::avx512) call.mask[0] = (1 << (cols - whole)) - 1;
            for (uint32_t p = 0; p < u.end - u.begin; p++) {
                const gllm::PtrSource& source = layer.code()->pointers[u.begin + p];
                const bool sums = source.node == gllm::no_node; // of both rows, no more than these are
                call.at[p]   = reinterpret_cast<uint8_t*>(room.data() + p * 2 * cols) + (sums ? 0 : whole * source.bytes);
                call.step[p] = cols * source.bytes;
            }
            void (*function)(LoopCall*);
            const uint8_t* const entry = layer.code()->code + u.offset;
            std::memcpy(&function, &entry, sizeof function);
            const std::string broken = test::call(function, &call);
            CHECK_MESSAGE(broken.empty(), broken);
        }
    }
}
static void check_caller_of_products(Isa isa) {
    struct LoopCall { uint64_t rows; int64_t begin; uint64_t rest; int32_t mask[8]; void* at[11]; size_t step[11]; };
    size_t checked = 0;
    for (size_t i = 0; i < 60; i++) {
        Rng rng(i + 190000);
        const size_t rows = 1 + rng.below(40), vector = lanes(isa);
        CompilerGraph g;
        random_products(g, rng, rows, 1 + rng.below(256));
        CompiledLayer layer;
        REQUIRE(layer.compile(g, profile_of(isa)));
        for (const gllm::FusionGroup& f : layer.fusion()->groups) {
            if (f.strategy != gllm::FusionStrategy::kernel_call || !f.units) continue;
            const CodeGenUnit& u = layer.code()->units[f.unit];
            const size_t cols = layer.dag()->nodes[layer.fusion()->nodes[u.first]].desc.cols, rest = cols % vector, each = 80000;
            LoopCall call = { rows, 0, rest, {}, {}, {} };
            Floats room((u.end - u.begin) * each);
            for (size_t k = 0; k < 8; k++) call.mask[k] = k < rest ? -1 : 0;
            if (isa == Isa::avx512) call.mask[0] = (1 << rest) - 1;
            for (uint32_t p = 0; p < u.end - u.begin; p++) call.at[p] = room.data() + p * each;
            void (*function)(LoopCall*);
            const uint8_t* const entry = layer.code()->code + u.offset;
            std::memcpy(&function, &entry, sizeof function);
            const std::string broken = test::call(function, &call);
            CHECK_MESSAGE(broken.empty(), broken);
            checked++;
        }
    }
    CHECK(checked > 30);
}
TEST_CASE("functions keep the caller's registers and stack") {
    for (Isa isa : sets()) check_caller(isa);
    for (Isa isa : sets()) check_caller_of_products(isa);
}
#endif

// ---- memory that may be executed -------------------------------------------------------------

TEST_CASE("a system that lends no memory for code gets the interpreter; no memory is written and executed") {
    CompilerGraph g;
    TensorRef x = g.input({ 5, 21 });
    for (size_t i = 0; i < 4; i++) x = g.op(UNARY[i], x);
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
    const Results a = run(layer, g, m, 5, 1, Edge::end), b = run(asked, g, m, 5, 1, Edge::end);
    CHECK(differs<float>(*a[0], *b[0]) == "");
#if defined(__linux__) && defined(__x86_64__)
    refuse_code = true;
    REQUIRE(refused.compile(g, host));
    refuse_code = false;
    CHECK(text(refused.backend()) == "interpreter");
    CHECK(refused.code()->units.size() == 0);
    const Results c = run(refused, g, m, 5, 1, Edge::end);
    CHECK(differs<float>(*a[0], *c[0]) == "");
    CHECK(writable_code == 0);
#endif
    for (Isa isa : gllm::all_isas) {
        if (!present(isa)) continue;
        REQUIRE(layer.compile(g, profile_of(isa)));
        CHECK(text(layer.backend()) == (has_code(isa) ? text(gllm::isa_name(isa)) : "interpreter"));
    }
}
