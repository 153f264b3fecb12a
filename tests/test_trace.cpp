// Traces: an interpreter of one scalar step per recorded operation gives the bits of the scalar kernels, and, with the products of
// vfma fused, those of elementwise kernels of the others. Catches an operation that branches on data, a primitive that records
// another than it computes, a loop or a condition lost, and constants that are folded wrongly.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#define GLLM_KERNELS_COMPILER
#include "harness.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace test;
using gllm::ComputePattern;
using gllm::CpuKernels;
using gllm::Isa;
using gllm::OpKind;
using gllm::OpTrace;
using gllm::TraceCode;
using gllm::TraceLoop;
using gllm::TraceOp;
using gllm::TraceStage;
using gllm::TraceType;
using oracle::bit_cast;

static const float NANF = std::numeric_limits<float>::quiet_NaN(), INFF = std::numeric_limits<float>::infinity();
constexpr float MAXF = std::numeric_limits<float>::max();

// ---- the interpreter ------------------------------------------------------------

static float rounded_product(float a, float b)             { volatile float p = a * b; return p; }      // never fused with a sum
/// One rounding, which not every fmaf has: a double holds the product, and a sum that it does not hold is made odd.
static float fused(float a, float b, float c) {
    const double p = double(a) * double(b), s = p + double(c), of_c = s - p, rest = (p - (s - of_c)) + (double(c) - of_c);
    if (!std::isfinite(s) || rest == 0) return float(s);
    uint64_t bits = bit_cast<uint64_t>(s);
    if (bits % 2 == 0) bits += (rest > 0) == (s > 0) ? 1 : uint64_t(-1);
    return float(bit_cast<double>(bits));
}

/// One row of a recording, an operation at a time. `of`: whose primitives these are.
class Interpreter {
public:
    Interpreter(const OpTrace& t, Isa of, std::vector<float*> operands, std::vector<float> parameters, size_t n)
        : ops(t.ops.begin(), t.ops.end()), t_(t), of_(of), operands_(operands), parameters_(parameters), n_(n), value_(t.ops.size()) {}

    std::vector<TraceOp> ops;                                   // to be tampered with

    void run() {
        for (const TraceStage& s : t_.stages)
            if (s.when == gllm::no_arg || (value(s.when) != 0) == s.wanted) run(s);
    }

private:
    const OpTrace&        t_;
    Isa                   of_;
    std::vector<float*>   operands_;
    std::vector<float>    parameters_;
    size_t                n_;
    std::vector<uint64_t> value_;

    static uint64_t bits(float v)        { return bit_cast<uint32_t>(v); }
    static uint64_t bits(double v)       { return bit_cast<uint64_t>(v); }
    static float    as_float(uint64_t v) { return bit_cast<float>(uint32_t(v)); }
    uint64_t  value(int32_t arg) const { return arg < 0 ? t_.constants[size_t(~arg)].bits : value_[size_t(arg)]; }
    TraceType type(int32_t arg) const  { return arg < 0 ? t_.constants[size_t(~arg)].type : ops[size_t(arg)].type; }
    float     f32(int32_t arg) const   { return as_float(value(arg)); }
    double    f64(int32_t arg) const   { return bit_cast<double>(value(arg)); }

    float& element(uint16_t tensor, size_t i) const {
        const gllm::TraceTensor& t = t_.tensors[tensor];
        float* const row = operands_[t.operand];
        switch (t.place) {
            case gllm::TracePlace::second_half: return row[n_ + i];
            case gllm::TracePlace::even:        return row[2 * i];
            case gllm::TracePlace::odd:         return row[2 * i + 1];
            default:                            return row[i];
        }
    }

    float multiply_add(float a, float b, float c) const { return of_ == Isa::scalar ? rounded_product(a, b) + c : fused(a, b, c); }
    float exact_multiply_add(float a, float b, float c) const {
#if defined(__x86_64__) || defined(__i386__)
        if (of_ == Isa::scalar) return float(double(a) * double(b) + double(c));
#endif
        return fused(a, b, c);
    }
    float scaled(float x, int n) const {                        // 2^n x: rounded twice where powers are multiplied
        return of_ == Isa::avx512 ? float(std::ldexp(double(x), n)) : x * std::ldexp(1.0f, n >> 1) * std::ldexp(1.0f, n - (n >> 1));
    }

    uint64_t result_f32(const TraceOp& op) const {
        const float a = op.arg[0] == gllm::no_arg ? 0 : f32(op.arg[0]), b = op.arg[1] == gllm::no_arg ? 0 : f32(op.arg[1]);
        const float c = op.arg[2] == gllm::no_arg ? 0 : f32(op.arg[2]);
        switch (op.code) {
            case TraceCode::add:      return bits(a + b);
            case TraceCode::sub:      return bits(a - b);
            case TraceCode::mul:      return bits(rounded_product(a, b));
            case TraceCode::div:      return bits(a / b);
            case TraceCode::neg:      return value(op.arg[0]) ^ 0x80000000u;
            case TraceCode::abs:      return value(op.arg[0]) & 0x7fffffffu;
            case TraceCode::min:      return bits(a < b ? a : b);
            case TraceCode::max:      return bits(a > b ? a : b);
            case TraceCode::root:     return bits(std::sqrt(a));
            case TraceCode::fma:      return bits(multiply_add(a, b, c));
            case TraceCode::fnma:     return bits(multiply_add(-a, b, c));
            case TraceCode::xfma:     return bits(exact_multiply_add(a, b, c));
            case TraceCode::round:    return bits(std::nearbyint(a));
            case TraceCode::least:    return bits(b < std::fabs(a) ? b : std::fabs(a));
            case TraceCode::recip:    return bits(1 / a);
            case TraceCode::scale:    return bits(a != a ? a : float(std::ldexp(double(a), int(b))));
            case TraceCode::scale2:   return bits(scaled(a, int32_t(uint32_t(value(op.arg[1])))));
            case TraceCode::unbits:   return value(op.arg[0]);
            case TraceCode::to_float: return bits(float(int32_t(uint32_t(value(op.arg[0])))));
            case TraceCode::narrow:   return bits(float(f64(op.arg[0])));
            default: FAIL("no operation on f32: " << int(op.code)); return 0;
        }
    }
    uint64_t result_f64(const TraceOp& op) const {
        switch (op.code) {
            case TraceCode::length: return bits(double(n_ ? n_ : 1));
            case TraceCode::widen:  return bits(double(f32(op.arg[0])));
            case TraceCode::root:   return bits(std::sqrt(f64(op.arg[0])));
            case TraceCode::add:    return bits(f64(op.arg[0]) + f64(op.arg[1]));
            case TraceCode::sub:    return bits(f64(op.arg[0]) - f64(op.arg[1]));
            case TraceCode::mul:    { volatile double p = f64(op.arg[0]) * f64(op.arg[1]); return bits(double(p)); }
            case TraceCode::div:    return bits(f64(op.arg[0]) / f64(op.arg[1]));
            default: FAIL("no operation on f64: " << int(op.code)); return 0;
        }
    }
    uint64_t result_i32(const TraceOp& op) const {
        const uint32_t a = uint32_t(value(op.arg[0])), b = op.arg[1] == gllm::no_arg ? 0 : uint32_t(value(op.arg[1]));
        switch (op.code) {
            case TraceCode::iadd:   return uint32_t(a + b);
            case TraceCode::isub:   return uint32_t(a - b);
            case TraceCode::iand:   return a & b;
            case TraceCode::ior:    return a | b;
            case TraceCode::shl:    return uint32_t(a << op.index);
            case TraceCode::shr:    return a >> op.index;
            case TraceCode::sra:    return uint32_t(int32_t(a) >> op.index);
            case TraceCode::bits:   return a;
            case TraceCode::to_int: return uint32_t(int32_t(std::nearbyint(as_float(a))));
            default: FAIL("no operation on i32: " << int(op.code)); return 0;
        }
    }
    uint64_t result_mask(const TraceOp& op) const {
        const bool wide = type(op.arg[0]) == TraceType::f64;
        switch (op.code) {
            case TraceCode::less:      return wide ? f64(op.arg[0]) < f64(op.arg[1]) : f32(op.arg[0]) < f32(op.arg[1]);
            case TraceCode::unordered: return std::isnan(f32(op.arg[0]));
            case TraceCode::both:      return value(op.arg[0]) & value(op.arg[1]);
            case TraceCode::any:       return value(op.arg[0]) | value(op.arg[1]);
            case TraceCode::negate:    return !value(op.arg[0]);
            default: FAIL("no operation on masks: " << int(op.code)); return 0;
        }
    }

    void step(size_t at, size_t i) {
        const TraceOp& op = ops[at];
        switch (op.code) {
            case TraceCode::load:      value_[at] = bits(element(op.index, i)); return;
            case TraceCode::store:     element(op.index, i) = f32(op.arg[0]); return;
            case TraceCode::parameter: value_[at] = bits(parameters_[op.index]); return;
            case TraceCode::total:     value_[at] = value(op.arg[0]); return;
            case TraceCode::select:    value_[at] = value(op.arg[value(op.arg[0]) ? 1 : 2]); return;
            case TraceCode::accumulator: return;                // set by the loop
            default: break;
        }
        value_[at] = op.type == TraceType::f64 ? result_f64(op) : op.type == TraceType::i32 ? result_i32(op)
                   : op.type == TraceType::mask ? result_mask(op) : result_f32(op);
    }
    void body(const TraceStage& s, size_t i) { for (int32_t at = s.begin; at < s.end; at++) step(size_t(at), i); }

    // ---- loops
    std::vector<size_t> accumulators(const TraceStage& s) const {
        std::vector<size_t> found;
        for (int32_t at = s.begin; at < s.end; at++)
            if (ops[size_t(at)].code == TraceCode::accumulator) found.push_back(size_t(at));
        return found;
    }
    void run(const TraceStage& s) {
        switch (s.loop) {
            case TraceLoop::once: body(s, 0); return;
            case TraceLoop::map:  for (size_t i = 0; i < n_; i++) body(s, i); return;
            case TraceLoop::fold: case TraceLoop::sum_in_double: fold(s); return;
            case TraceLoop::blocked_sum: { const size_t a = accumulators(s).at(0); value_[a] = bits(blocked_sum(s, a)); return; }
            case TraceLoop::precise_sum: { const size_t a = accumulators(s).at(0); value_[a] = bits(precise_sum(s, a)); return; }
        }
    }
    void fold(const TraceStage& s) {
        const std::vector<size_t> acc = accumulators(s);
        for (size_t a : acc) value_[a] = value(ops[a].arg[0]);
        std::vector<uint64_t> next(acc.size());
        for (size_t i = 0; i < n_; i++) {
            body(s, i);
            for (size_t j = 0; j < acc.size(); j++) next[j] = value(ops[acc[j]].arg[1]);
            for (size_t j = 0; j < acc.size(); j++) value_[acc[j]] = next[j];
        }
    }
    float term(const TraceStage& s, size_t a, size_t i, float so_far) {
        value_[a] = bits(so_far);
        body(s, i);
        return f32(ops[a].arg[1]);
    }
    float sum_of_block(const TraceStage& s, size_t a, size_t& i) {            // four chains of s.steps, of one lane
        const size_t begin = i, end = std::min(n_, i + 4 * s.steps);
        float chain[4];
        for (float& c : chain) c = f32(ops[a].arg[0]);
        for (; i < end; i++) chain[(i - begin) % 4] = term(s, a, i, chain[(i - begin) % 4]);
        return (chain[0] + chain[1]) + (chain[2] + chain[3]);
    }
    double blocked_sum(const TraceStage& s, size_t a) {
        double total = 0;
        for (size_t i = 0; i < n_;) total += double(sum_of_block(s, a, i));
        return total;
    }
    double precise_sum(const TraceStage& s, size_t a) {
        double total = 0;
        for (size_t i = 0; i < n_;) {
            float sum = 0, lost = 0;
            for (int block = 0; block < 64 && i < n_; block++) {
                const float part = sum_of_block(s, a, i), next = sum + part, back = next - sum;
                lost = lost + ((sum - (next - back)) + (part - back));
                sum  = next;
            }
            total += double(sum);
            if (std::isfinite(lost)) total += double(lost);
        }
        return total;
    }
};

// ---- data ------------------------------------------------------------------------

static float any_float(Rng& rng) {
    static const float hard[] = { 0.0f, -0.0f, NANF, -NANF, INFF, -INFF, MAXF, -MAXF, 1e-45f, -1e-45f, 1e-39f, -1e-39f, 1.17549435e-38f,
                                  88.7f, 89.1f, -87.3f, -103.9f, -104.1f, 1, -1, 69, -69, -69.4f, -199, -201, 9.1f, 0.3465f, -0.3466f };
    switch (rng.below(5)) {
        case 0:  return hard[rng.below(sizeof hard / sizeof *hard)];
        case 1:  return bit_cast<float>(uint32_t(rng.bits()));
        case 2:  return float(rng.uniform(-210, 110));
        default: return float(rng.uniform(-9, 9));
    }
}
static std::vector<float> any_floats(Rng& rng, size_t n) {
    std::vector<float> x(n);
    for (float& v : x) v = any_float(rng);
    return x;
}

/// Rows that norms and softmax treat in different ways: their sizes, means, and one value that stands out.
constexpr size_t ROW_KINDS = 12;
static std::vector<float> row_of(Rng& rng, size_t n, size_t kind) {
    static const double size[ROW_KINDS]   = { 1, 1e-17, 1e-30, 1e20, 1, 1, 1, 0, 1, 1, 90, 1e-44 };
    static const double mean[ROW_KINDS]   = { 0, 0, 0, 0, 5000, 0, 0, 0, 0, 1e6, 0, 0 };
    static const float  stands[ROW_KINDS] = { 0, 0, 0, 0, 0, NANF, INFF, 0, -INFF, 0, 1e30f, 0 };
    std::vector<float> x(n);
    for (float& v : x) v = float(mean[kind] + size[kind] * rng.uniform(-1, 1));
    if (n && stands[kind] != 0) x[rng.below(n)] = stands[kind];
    return x;
}

// ---- comparison --------------------------------------------------------------------

/// What a kernel and a recording do to the same memory: operands, the outputs among them, in the trace's order.
using Rows = std::vector<std::vector<float>>;
static std::vector<float*> pointers(Rows& rows) {
    std::vector<float*> p;
    for (std::vector<float>& r : rows) { r.reserve(1); p.push_back(r.data()); }
    return p;
}
static std::string difference(const Rows& got, const Rows& want) {
    for (size_t r = 0; r < got.size(); r++) {
        const std::string wrong = differ(got[r].data(), want[r].data(), got[r].size());
        if (!wrong.empty()) return "operand " + std::to_string(r) + " " + wrong;
    }
    return {};
}
static Rows interpreted(const OpTrace& t, Isa of, Rows rows, const std::vector<float>& parameters, size_t n) {
    Interpreter(t, of, pointers(rows), parameters, n).run();
    return rows;
}

using Kernel = void (*)(const CpuKernels<float>& k, float* const* p, float parameter, size_t n);
struct Operation { OpKind kind; ComputePattern pattern; size_t loops; Kernel run; };
using K = const CpuKernels<float>&;
using P = float* const*;
static const Operation operations[] = {
    { OpKind::add,        ComputePattern::binary_elementwise, 1, [](K k, P p, float, size_t n)   { k.vec_add(p[0], p[1], p[2], n); } },
    { OpKind::sub,        ComputePattern::binary_elementwise, 1, [](K k, P p, float, size_t n)   { k.vec_sub(p[0], p[1], p[2], n); } },
    { OpKind::mul,        ComputePattern::binary_elementwise, 1, [](K k, P p, float, size_t n)   { k.vec_mul(p[0], p[1], p[2], n); } },
    { OpKind::scale,      ComputePattern::elementwise,        1, [](K k, P p, float s, size_t n) { k.vec_scale(p[0], s, n); } },
    { OpKind::axpy,       ComputePattern::binary_elementwise, 1, [](K k, P p, float s, size_t n) { k.vec_axpy(p[0], s, p[1], n); } },
    { OpKind::relu,       ComputePattern::elementwise,        1, [](K k, P p, float, size_t n)   { k.relu(p[0], p[1], n); } },
    { OpKind::silu,       ComputePattern::elementwise,        1, [](K k, P p, float, size_t n)   { k.silu(p[0], p[1], n); } },
    { OpKind::gelu,       ComputePattern::elementwise,        1, [](K k, P p, float, size_t n)   { k.gelu(p[0], p[1], n); } },
    { OpKind::gelu_erf,   ComputePattern::elementwise,        1, [](K k, P p, float, size_t n)   { k.gelu_erf(p[0], p[1], n); } },
    { OpKind::gelu_quick, ComputePattern::elementwise,        1, [](K k, P p, float, size_t n)   { k.gelu_quick(p[0], p[1], n); } },
    { OpKind::tanh,       ComputePattern::elementwise,        1, [](K k, P p, float, size_t n)   { k.tanh(p[0], p[1], n); } },
    { OpKind::exp,        ComputePattern::elementwise,        1, [](K k, P p, float, size_t n)   { k.exp(p[0], p[1], n); } },
    { OpKind::swiglu,     ComputePattern::binary_elementwise, 1, [](K k, P p, float, size_t n)   { k.swiglu(p[0], p[1], p[2], n); } },
    { OpKind::sum,        ComputePattern::reduction,          1, [](K k, P p, float, size_t n)   { p[1][0] = k.vec_sum(p[0], n); } },
    { OpKind::dot,        ComputePattern::reduction,          1, [](K k, P p, float, size_t n)   { p[2][0] = k.vec_dot(p[0], p[1], n); } },
    { OpKind::softmax,    ComputePattern::norm_like,          3, [](K k, P p, float, size_t n)   { k.softmax(p[0], p[1], n); } },
    { OpKind::rms_norm,   ComputePattern::norm_like,          5, [](K k, P p, float e, size_t n) { k.rms_norm(p[0], p[1], p[2], n, e); } },
    { OpKind::layer_norm, ComputePattern::norm_like,          8, [](K k, P p, float e, size_t n) { k.layer_norm(p[0], p[1], p[2], p[3], n, e); } },
    { OpKind::rope_half,  ComputePattern::injective,          1, [](K k, P p, float, size_t n)   { k.table().rope(p[0], p[1], p[2], 1, 2 * n, 2 * n, gllm::RopeStyle::half); } },
    { OpKind::rope_interleaved, ComputePattern::injective,    1, [](K k, P p, float, size_t n)   { k.table().rope(p[0], p[1], p[2], 1, 2 * n, 2 * n, gllm::RopeStyle::interleaved); } },
};
static bool is_map(const Operation& op) { return op.pattern != ComputePattern::reduction && op.pattern != ComputePattern::norm_like; }

/// Memory for n elements of each operand: pairs have two each.
static Rows rows_for(const OpTrace& t, Rng& rng, size_t n) {
    Rows rows(t.operands);
    for (const gllm::TraceTensor& tensor : t.tensors)
        rows[tensor.operand] = any_floats(rng, tensor.place == gllm::TracePlace::each ? n : 2 * n);
    return rows;
}
static void compare_with(Isa isa, const Operation& op, const OpTrace& t, const Rows& rows, float parameter, size_t n, const std::string& at) {
    CpuKernels<float> k;
    if (!k.select(isa)) return;
    TEST_INFO(t.name, gllm::isa_name(isa), float, at);
    Rows want = rows;
    op.run(k, pointers(want).data(), parameter, n);
    const std::string wrong = difference(interpreted(t, isa, rows, { parameter }, n), want);
    CHECK_MESSAGE(wrong.empty(), wrong);
}

// ---- structure ---------------------------------------------------------------------

static size_t count_of(const OpTrace& t, TraceCode code) {
    return size_t(std::count_if(t.ops.begin(), t.ops.end(), [&](const TraceOp& op) { return op.code == code; }));
}

TEST_CASE("every operation is recorded, as straight-line code") {
    gllm::ScalarOpRegistry registry;
    for (const Operation& op : operations) {
        const OpTrace* const t = registry.find(op.kind);
        REQUIRE(t);
        INFO(text(t->name));
        CHECK(registry.find(op.kind) == t);
        CHECK(int(t->pattern) == int(op.pattern));
        CHECK(t->stages.size() != 0);
        int32_t at = 0;
        size_t  loops = 0, written = 0;
        for (const TraceStage& s : t->stages) {                 // stages hold all operations, in order
            CHECK(s.begin == at);
            CHECK(s.end >= s.begin);
            at = s.end;
            loops += s.loop != TraceLoop::once;
            if (s.when >= 0) CHECK(int(t->ops[size_t(s.when)].type) == int(TraceType::mask));
        }
        CHECK(at == int32_t(t->ops.size()));
        CHECK(loops >= op.loops);
        for (size_t i = 0; i < t->ops.size(); i++) {            // arguments come before, but for what an accumulator becomes
            const TraceOp& o = t->ops[i];
            for (int j = 0; j < 3; j++) {
                const int32_t a = o.arg[j];
                if (a == gllm::no_arg) continue;
                if (a < 0) CHECK(size_t(~a) < t->constants.size());
                else       CHECK((size_t(a) < i || (o.code == TraceCode::accumulator && j == 1 && size_t(a) < t->ops.size())));
            }
        }
        for (const gllm::TraceTensor& tensor : t->tensors) written += tensor.written;
        CHECK(written == (op.pattern == ComputePattern::injective ? 2u : 1u));
    }
    CHECK(registry.find(OpKind::user) == nullptr);
}

TEST_CASE("how many operations and constants") {                // but for loads, stores, and floats seen as integers, which are free
    struct Size { OpKind kind; size_t ops, constants; };
    const Size sizes[] = { { OpKind::relu, 2, 1 }, { OpKind::exp, 13, 12 }, { OpKind::silu, 18, 14 }, { OpKind::gelu_quick, 18, 14 },
                           { OpKind::tanh, 23, 14 }, { OpKind::gelu, 26, 16 }, { OpKind::gelu_erf, 34, 27 }, { OpKind::swiglu, 26, 14 } };
    const TraceCode free_ones[] = { TraceCode::load, TraceCode::store, TraceCode::bits, TraceCode::unbits };
    gllm::ScalarOpRegistry registry;
    for (const Size& s : sizes) {
        const OpTrace* const t = registry.find(s.kind);
        REQUIRE(t);
        INFO(text(t->name));
        size_t ops = t->ops.size();
        for (TraceCode code : free_ones) ops -= count_of(*t, code);
        CHECK(ops == s.ops);
        CHECK(t->constants.size() == s.constants);
    }
}

// ---- bits --------------------------------------------------------------------------

TEST_CASE("maps: the bits of the scalar kernels") {
    gllm::ScalarOpRegistry registry;
    for (const Operation& op : operations) {
        if (!is_map(op)) continue;
        const OpTrace* const t = registry.find(op.kind);
        REQUIRE(t);
        for (size_t n : ragged()) {
            Rng rng(n);
            compare_with(Isa::scalar, op, *t, rows_for(*t, rng, n), any_float(rng), n, shape(n));
        }
        for (size_t n : Sizes{ small() ? 2000u : 100000u }) {
            Rng rng(n);
            compare_with(Isa::scalar, op, *t, rows_for(*t, rng, n), 1.7f, n, shape(n));
        }
    }
}

TEST_CASE("maps: the bits of the others, fused where they fuse") {
    gllm::ScalarOpRegistry registry;
    for (Isa isa : { Isa::avx2, Isa::avx512, Isa::neon }) {
        if (gllm::isa_presence(isa) != gllm::Presence::native || !keeps_subnormals) continue;
        for (const Operation& op : operations) {
            const OpTrace* const t = registry.find(op.kind);
            REQUIRE(t);
            if (!is_map(op) || (isa == Isa::avx512 && count_of(*t, TraceCode::recip))) continue;     // vrcp is an estimate there
            for (size_t n : Sizes{ 1, 17, 1000, small() ? 2000u : 50000u }) {
                Rng rng(n);
                compare_with(isa, op, *t, rows_for(*t, rng, n), 1.7f, n, shape(n));
            }
        }
    }
}

TEST_CASE("reductions, norms, softmax: the bits of the scalar kernels") {
    gllm::ScalarOpRegistry registry;
    for (const Operation& op : operations) {
        if (is_map(op)) continue;
        const OpTrace* const t = registry.find(op.kind);
        REQUIRE(t);
        for (size_t n : ragged())
            for (size_t kind = 0; kind < ROW_KINDS; kind++) {
                Rng  rng(n + 5000 * kind);
                Rows rows(t->operands);
                for (std::vector<float>& r : rows) r = row_of(rng, n, 0);
                rows[0] = row_of(rng, n, kind);
                if (op.pattern == ComputePattern::reduction) rows.back().resize(1);
                else if (rng.below(3) == 0 && rows.size() > 2)
                    for (float& w : rows[1]) w = float(rng.uniform(1, 3) * (rng.below(2) ? 1e38 : 1e-38));     // huge and tiny weights
                compare_with(Isa::scalar, op, *t, rows, rng.below(2) ? 1e-5f : 0.0f, n, shape(n) + " row " + std::to_string(kind));
            }
    }
}

TEST_CASE("a masked row becomes zeros, and every weight may be huge") {
    gllm::ScalarOpRegistry registry;
    for (size_t n : Sizes{ 1, 7, 64 }) {
        Rows rows = { std::vector<float>(n, -INFF), std::vector<float>(n, NANF) };
        rows = interpreted(*registry.find(OpKind::softmax), Isa::scalar, rows, {}, n);
        CHECK(rows[1] == std::vector<float>(n, 0.0f));
        Rng  rng(n);
        Rows norm = { row_of(rng, n, 1), std::vector<float>(n, 3e38f), std::vector<float>(n) };
        for (float& v : norm[0]) v *= 1e-20f;
        norm[0][0] = 1e-10f;
        compare_with(Isa::scalar, operations[16], *registry.find(OpKind::rms_norm), norm, 1e-5f, n, shape(n));
    }
}

/// Does it matter that each operation is there? Each is bypassed once: the interpreter must then give other bits.
TEST_CASE("no operation can be left out") {
    gllm::ScalarOpRegistry registry;
    const size_t n = 20000;
    for (const Operation& op : operations) {
        if (!is_map(op)) continue;
        const OpTrace* const t = registry.find(op.kind);
        REQUIRE(t);
        Rng        rng(n);
        const Rows rows = rows_for(*t, rng, n), right = interpreted(*t, Isa::scalar, rows, { 1.7f }, n);
        for (size_t at = 0; at < t->ops.size(); at++) {
            const TraceCode code = t->ops[at].code;
            if (code == TraceCode::load || code == TraceCode::store || code == TraceCode::parameter || t->ops[at].type == TraceType::mask)
                continue;
            if (code == TraceCode::bits || code == TraceCode::unbits || code == TraceCode::to_int || code == TraceCode::to_float) continue;
            Rows        wrong = rows;
            Interpreter i(*t, Isa::scalar, pointers(wrong), { 1.7f }, n);
            TraceOp&    o = i.ops[at];
            const int   kept = code == TraceCode::select ? 2 : 0;
            o = { TraceCode::select, o.type, 0, { o.arg[kept], o.arg[kept], o.arg[kept] } };
            i.run();
            INFO(text(t->name) << ", operation " << at << ", code " << int(code));
            CHECK(!difference(wrong, right).empty());
        }
    }
}

// ---- the user's own -----------------------------------------------------------------

TEST_CASE("a user's function, written once") {
    using std::abs; using std::sqrt;
    const auto softsign = [](auto x) { return x / (1.0f + abs(x)); };
    const auto bent     = [](auto x, auto y) { return select(x < y, sqrt(abs(x)) * 0.5f, -(y - x)); };
    const auto three    = [](auto x, auto y, auto z) { return x * y + z * (2.0f * 0.25f); };
    using gllm::select;
    gllm::ScalarOpRegistry registry;
    REQUIRE(registry.add("softsign", softsign));
    REQUIRE(registry.add("bent", bent));
    REQUIRE(registry.add("three", three));
    const size_t n = 3000;
    Rng rng(1);
    const std::vector<float> x = any_floats(rng, n), y = any_floats(rng, n), z = any_floats(rng, n);
    Rows one = { x, z }, two = { x, y, z }, all = { x, y, z, z };
    Rows want_one = one, want_two = two, want_all = all;
    for (size_t i = 0; i < n; i++) {
        want_one[1][i] = softsign(x[i]);
        want_two[2][i] = x[i] < y[i] ? sqrt(abs(x[i])) * 0.5f : -(y[i] - x[i]);
        want_all[3][i] = rounded_product(x[i], y[i]) + rounded_product(z[i], 0.5f);
    }
    CHECK(difference(interpreted(*registry.find("softsign"), Isa::scalar, one, {}, n), want_one) == "");
    CHECK(difference(interpreted(*registry.find("bent"), Isa::scalar, two, {}, n), want_two) == "");
    CHECK(difference(interpreted(*registry.find("three"), Isa::scalar, all, {}, n), want_all) == "");
    CHECK(int(registry.find("softsign")->pattern) == int(ComputePattern::elementwise));
    CHECK(int(registry.find("bent")->pattern) == int(ComputePattern::binary_elementwise));
    CHECK(int(registry.find("three")->pattern) == int(ComputePattern::injective));
    CHECK(registry.find("four") == nullptr);
}

TEST_CASE("library functions in a user's, and constants folded") {
    gllm::ScalarOpRegistry registry;
    REQUIRE(registry.add("gate", [](gllm::TraceValue x) { return x * tanh(exp(x)) + exp(gllm::TraceValue(0.0f)); }));
    const OpTrace& t = *registry.find("gate");
    const size_t   n = 2000;
    Rng  rng(2);
    Rows rows = { any_floats(rng, n), std::vector<float>(n) }, want = rows;
    CpuKernels<float> k;
    REQUIRE(k.select(Isa::scalar));
    std::vector<float> e(n);
    k.exp(rows[0].data(), e.data(), n);
    k.tanh(e.data(), e.data(), n);
    for (size_t i = 0; i < n; i++) want[1][i] = rounded_product(rows[0][i], e[i]) + 1.0f;
    CHECK(difference(interpreted(t, Isa::scalar, rows, {}, n), want) == "");
    REQUIRE(registry.add("constant", [](gllm::TraceValue) { return tanh(gllm::TraceValue(1.0f)) / 2.0f; }));
    CHECK(registry.find("constant")->ops.size() == 2);          // the load of what is ignored, the store
}

TEST_CASE("names, and memory that is not there") {
    gllm::ScalarOpRegistry registry;
    const auto same = [](gllm::TraceValue x) { return x; };
    CHECK(int(registry.add("", same).code) == int(gllm::Code::invalid_argument));
    CHECK(int(registry.add(nullptr, same).code) == int(gllm::Code::invalid_argument));
    CHECK(int(registry.add("a name that has many more letters than thirty-one", same).code) == int(gllm::Code::invalid_argument));
    CHECK(registry.add("same", same));
    CHECK(int(registry.add("same", same).code) == int(gllm::Code::invalid_argument));
    const long before = allocations();
    fail_allocations(true);
    CHECK(registry.find(OpKind::layer_norm) == nullptr);
    CHECK(int(registry.add("other", same).code) == int(gllm::Code::out_of_memory));
    fail_allocations(false);
    CHECK(allocations() == before);
    {
        gllm::ScalarOpRegistry another;
        for (const Operation& op : operations) CHECK(another.find(op.kind) != nullptr);
    }
    CHECK(allocations() == before);
    CHECK(overruns() == 0);
}
