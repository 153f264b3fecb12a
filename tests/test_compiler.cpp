// The graph compiler: a compiled layer gives the bits of the same operations called one by one, whatever is fused, shared, written in
// place, poisoned or split among threads. Catches an operand of the wrong row or tile, a value overwritten before its last reader, a
// group that reads what is not there yet, scratch that is too small, and graphs that must be refused.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#define GLLM_KERNELS_COMPILER
#include "harness.hpp"
#include "quant_oracle.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <set>

using namespace test;
using gllm::any_rows;
using gllm::BufferAlloc;
using gllm::Code;
using gllm::CompiledLayer;
using gllm::CompileOptions;
using gllm::CompilerGraph;
using gllm::CompilerNode;
using gllm::CompilerOp;
using gllm::CpuKernels;
using gllm::DeviceProfile;
using gllm::DType;
using gllm::FusionStrategy;
using gllm::Isa;
using gllm::OpKind;
using gllm::QuantType;
using gllm::RopeStyle;
using gllm::Status;
using gllm::TensorRef;
using Floats = std::vector<float>;
using K = const CpuKernels<float>&;
using Bytes = std::vector<uint8_t>;

static bool ok(const Status& s, const CompiledLayer& layer) {
    CHECK_MESSAGE(s, "refused: " << text(s.what) << " | " << text(layer.message()));
    return bool(s);
}

// ---- operations of a user's own, and what they are made of ------------------------

static gllm::ScalarOpRegistry& registry() {
    static gllm::ScalarOpRegistry r;
    static const bool made = [] {
        return r.add("softsign", [](auto x) { using std::abs; return x / (1.0f + abs(x)); }) &&
               r.add("same", [](auto x) { return x; }) &&
               r.add("gated", [](auto x, auto y) { using std::tanh; return x * tanh(y); }) &&
               r.add("picked", [](auto a, auto b, auto c) { using gllm::select; using std::exp; return select(a < b, exp(a), -c); });
    }();
    REQUIRE(made);
    return r;
}
/// By the kernels, and by arithmetic that is correctly rounded everywhere.
static void user_row(K k, const char* name, const float* const* in, float* out, size_t n) {
    Floats t(n + 1);
    const std::string op = name;
    if (op == "softsign") for (size_t i = 0; i < n; i++) out[i] = in[0][i] / (1.0f + std::fabs(in[0][i]));
    if (op == "same") std::copy(in[0], in[0] + n, out);
    if (op == "gated") { k.tanh(in[1], t.data(), n); k.vec_mul(in[0], t.data(), out, n); }
    if (op == "picked") {
        k.exp(in[0], t.data(), n);
        for (size_t i = 0; i < n; i++) out[i] = in[0][i] < in[1][i] ? t[i] : -in[2][i];
    }
}

// ---- operation by operation ---------------------------------------------------------

/// What a source holds: the bytes that the layer gets, and the numbers that they are.
struct Source { Bytes bytes; Floats numbers; };
struct Value { size_t rows = 0, cols = 0; Floats x; const float* row(size_t r) const { return x.data() + (rows == 1 ? 0 : r) * cols; } };

template <class E> static Source source_of(Rng& rng, size_t n) {
    const std::vector<E> x = draw<E>(rng, n);
    Source s;
    s.bytes.resize(n * sizeof(E));
    if (n) std::memcpy(s.bytes.data(), x.data(), s.bytes.size());
    for (E e : x) s.numbers.push_back(gllm::Element<E>::to_f32(e));
    return s;
}
static Source make_source(Rng& rng, const CompilerNode& n, size_t rows, size_t most_index) {
    const size_t all = n.desc.open ? n.desc.rows * rows : n.desc.rows;
    Source s;
    if (n.desc.indices) {
        for (size_t i = 0; i < all; i++) {
            const int32_t id = int32_t(rng.below(most_index));
            s.numbers.push_back(float(id));
            s.bytes.insert(s.bytes.end(), reinterpret_cast<const uint8_t*>(&id), reinterpret_cast<const uint8_t*>(&id + 1));
        }
        return s;
    }
    switch (n.desc.dtype) {
        case DType::f32:  return source_of<float>(rng, all * n.desc.cols);
        case DType::f16:  return source_of<gllm::f16>(rng, all * n.desc.cols);
        case DType::bf16: return source_of<gllm::bf16>(rng, all * n.desc.cols);
        default:          s.bytes = quant::make_rows(rng, n.desc.quant, all, n.desc.cols); return s;
    }
}

static float scalar_op(OpKind kind, const float* p, float a, float b) {
    using E = gllm::Element<float>;
    switch (kind) {
        case OpKind::div:    return E::div(a, b);
        case OpKind::neg:    return E::neg(a);
        case OpKind::abs:    return E::abs(a);
        case OpKind::sqrt:   return E::sqrt(a);
        case OpKind::rsqrt:  return E::recip(E::sqrt(a));
        case OpKind::recip:  return E::recip(a);
        case OpKind::max:    return E::max(a, b);
        case OpKind::min:    return E::min(a, b);
        case OpKind::offset: return E::add(a, p[0]);
        case OpKind::clamp:  return E::min(E::max(a, p[0]), p[1]);
        default: FAIL("no scalar operation " << int(kind)); return 0;
    }
}
/// One row of n results; `width` columns of the operands.
static void kernel_row(K k, const CompilerNode& node, const float* const* in, float* out, size_t n, size_t width) {
    const float *a = in[0], *b = in[1], *p = node.parameter;
    const size_t head = node.size[0];
    switch (node.kind) {
        case OpKind::add:        k.vec_add(a, b, out, n); return;
        case OpKind::sub:        k.vec_sub(a, b, out, n); return;
        case OpKind::mul:        k.vec_mul(a, b, out, n); return;
        case OpKind::scale:      std::copy(a, a + n, out); k.vec_scale(out, p[0], n); return;
        case OpKind::axpy:       std::copy(a, a + n, out); k.vec_axpy(out, p[0], b, n); return;
        case OpKind::relu:       k.relu(a, out, n); return;
        case OpKind::silu:       k.silu(a, out, n); return;
        case OpKind::gelu:       k.gelu(a, out, n); return;
        case OpKind::gelu_erf:   k.gelu_erf(a, out, n); return;
        case OpKind::gelu_quick: k.gelu_quick(a, out, n); return;
        case OpKind::tanh:       k.tanh(a, out, n); return;
        case OpKind::exp:        k.exp(a, out, n); return;
        case OpKind::swiglu:     k.swiglu(a, b, out, n); return;
        case OpKind::sum:        *out = k.vec_sum(a, width); return;
        case OpKind::mean:       *out = k.vec_sum(a, width) / float(width); return;
        case OpKind::largest:    *out = k.vec_max(a, width); return;
        case OpKind::dot:        *out = k.vec_dot(a, b, width); return;
        case OpKind::softmax:    k.softmax(a, out, n); return;
        case OpKind::rms_norm:   k.rms_norm(a, b, out, n, p[0]); return;
        case OpKind::layer_norm: k.layer_norm(a, b, in[2], out, n, p[0]); return;
        case OpKind::rope_half: case OpKind::rope_interleaved:
            std::copy(a, a + n, out);
            k.rope(out, b, in[2], n / head, head, node.kind == OpKind::rope_half ? RopeStyle::half : RopeStyle::interleaved, node.size[1]);
            return;
        case OpKind::user: user_row(k, node.trace->name, in, out, n); return;
        default: for (size_t i = 0; i < n; i++) out[i] = scalar_op(node.kind, p, a[i], b ? b[i] : 0);
    }
}
static Value by_rows(K k, const CompilerNode& n, const std::vector<const Value*>& in) {
    Value v;
    for (const Value* i : in) v.rows = std::max(v.rows, i->rows);
    if (n.kind >= OpKind::softmax && n.kind <= OpKind::rope_interleaved) v.rows = in[0]->rows;
    const bool reduces = n.kind == OpKind::sum || n.kind == OpKind::mean || n.kind == OpKind::largest || n.kind == OpKind::dot;
    v.cols = reduces ? 1 : in[0]->cols;
    v.x.resize(v.rows * v.cols);
    for (size_t r = 0; r < v.rows; r++) {
        const float* row[3] = {};
        for (size_t i = 0; i < in.size(); i++) row[i] = in[i]->row(r);
        kernel_row(k, n, row, v.x.data() + r * v.cols, v.cols, in[0]->cols);
    }
    return v;
}
static Value embedded(K k, const CompilerNode& table, const Source& s, const Value& ids) {
    Value v;
    v.rows = ids.rows;
    v.cols = table.desc.cols;
    for (float id : ids.x) {
        const QuantType q = table.desc.quant;
        Floats x(v.cols);
        if (table.desc.dtype != DType::blocks) std::copy_n(s.numbers.data() + size_t(id) * v.cols, v.cols, x.data());
        else REQUIRE(k.dequant(q, s.bytes.data() + size_t(id) * gllm::row_bytes(q, v.cols), x.data(), v.cols));
        v.x.insert(v.x.end(), x.begin(), x.end());
    }
    return v;
}
/// Is a weight of this size packed?
static bool packs(size_t n, size_t d) { return n >= 4 && n * d * sizeof(float) <= DeviceProfile::host().l2_bytes; }
/// By panels made ahead, as layers multiply with weights that they pack.
static Status packed_product(K k, bool transposed, const float* x, const float* w, float* y, size_t m, size_t n, size_t d) {
    Bytes panels(k.packed_b_bytes(n, d));
    const Status s = transposed ? k.pack_b_transposed(w, n, d, panels.data()) : k.pack_b(w, n, d, panels.data());
    return s ? k.gemm_prepacked(x, panels.data(), y, m, n, d) : s;
}
/// All nodes, in the order in which they were built.
static std::vector<Value> evaluate(K k, const CompilerGraph& g, const std::vector<Source>& sources, size_t rows,
                                   const CompileOptions& options) {
    std::vector<Value> all(g.size());
    for (size_t i = 0; i < g.size(); i++) {
        const CompilerNode& n = g.node(i);
        std::vector<const Value*> in;
        for (size_t j = 0; j < n.inputs; j++) in.push_back(&all[n.input[j]]);
        Value& v = all[i];
        const Value& a = in.empty() ? v : *in[0];
        switch (n.op) {
            case CompilerOp::input: case CompilerOp::weight:
                v.rows = n.desc.open ? n.desc.rows * rows : n.desc.rows;
                v.cols = n.desc.cols;
                v.x    = sources[i].numbers;
                break;
            case CompilerOp::kernel: v = by_rows(k, n, in); break;
            case CompilerOp::matmul: case CompilerOp::matmul_t: {
                const gllm::TensorDesc& w = g.node(n.input[1]).desc;
                const size_t m = v.rows = a.rows, d = a.cols, c = v.cols = n.op == CompilerOp::matmul ? in[1]->cols : in[1]->rows;
                v.x.resize(m * c + 1);
                const uint8_t* const bytes = sources[n.input[1]].bytes.data();
                const bool plain = g.node(n.input[1]).op > CompilerOp::weight || w.dtype == DType::f32;
                const float* const x = a.x.data();
                float* const y = v.x.data();
                const bool known = g.node(n.input[1]).op == CompilerOp::weight && w.dtype == DType::f32;
                Status s;
                if (known && options.pack_weights && packs(c, d))
                    s = packed_product(k, n.op == CompilerOp::matmul_t, x, in[1]->x.data(), y, m, c, d);
                else if (n.op == CompilerOp::matmul)  s = k.gemm(x, in[1]->x.data(), y, m, c, d);
                else if (plain)                  s = k.gemm_transposed_b(x, in[1]->x.data(), y, m, c, d);
                else if (w.dtype == DType::f16)  s = k.gemm_mixed(x, reinterpret_cast<const gllm::f16*>(bytes), y, m, c, d);
                else if (w.dtype == DType::bf16) s = k.gemm_mixed(x, reinterpret_cast<const gllm::bf16*>(bytes), y, m, c, d);
                else                             s = k.matmul(w.quant, bytes, x, y, m, c, d, options.precision);
                REQUIRE(s);
                v.x.pop_back();
                break;
            }
            case CompilerOp::reshape: v = a; v.cols = n.size[0]; v.rows = a.x.size() / v.cols; break;
            case CompilerOp::transpose:
                v.rows = a.cols; v.cols = a.rows; v.x.resize(a.x.size());
                for (size_t r = 0; r < v.rows; r++) for (size_t c = 0; c < v.cols; c++) v.x[r * v.cols + c] = a.x[c * a.cols + r];
                break;
            case CompilerOp::concat:
                v.rows = a.rows;
                for (const Value* p : in) v.cols += p->cols;
                for (size_t r = 0; r < v.rows; r++)
                    for (const Value* p : in) v.x.insert(v.x.end(), p->x.data() + r * p->cols, p->x.data() + (r + 1) * p->cols);
                break;
            case CompilerOp::slice:
                v.rows = a.rows; v.cols = n.size[1];
                for (size_t r = 0; r < v.rows; r++) {
                    const float* const from = a.x.data() + r * a.cols + n.size[0];
                    v.x.insert(v.x.end(), from, from + v.cols);
                }
                break;
            case CompilerOp::embedding: v = embedded(k, g.node(n.input[0]), sources[n.input[0]], *in[1]); break;
            default: FAIL("no such operation");
        }
    }
    return all;
}

// ---- a layer against it -----------------------------------------------------------------

struct Way { const char* name; CompileOptions options; gllm::Parallel parallel; bool guarded; };

static void run_backwards(void*, unsigned tasks, void (*task)(void*, unsigned), void* arg) {
    for (unsigned i = tasks; i-- > 0;) task(arg, i);
}
static gllm::Parallel parallel_of(unsigned width) {
    gllm::Parallel p;
    p.width = width;
    p.run   = run_backwards;
    return p;
}
static std::vector<Way> ways(Rng& rng) {
    CompileOptions fused, interpreted, plain, poisoned, apart, whole, unpacked;
    interpreted.machine_code = false;
    interpreted.poison = true;
    plain.loop_fusion = false;
    poisoned.poison = true;
    poisoned.tile_bytes = 512 << rng.below(6);
    apart.in_place = apart.share_buffers = false;
    apart.tile_bytes = 1;
    CompileOptions plain_poisoned = plain;
    plain_poisoned.poison = true;
    whole.row_bands = whole.sums = false;
    whole.poison = unpacked.poison = true;
    unpacked.pack_weights = false;
    return { { "as it is", fused, {}, true }, { "interpreted", interpreted, {}, true },
             { "not fused", plain, {}, true }, { "small tiles, poisoned", poisoned, parallel_of(3), true },
             { "not fused, poisoned", plain_poisoned, parallel_of(2), true },
             { "nothing shared, tiny tiles", apart, parallel_of(4), false }, { "no bands, no sums", whole, parallel_of(2), true },
             { "nothing packed", unpacked, parallel_of(3), true } };
}

template <class E> static std::string differs(const Bytes& got, const Floats& want) {
    std::vector<E> g(want.size()), w(want.size());
    if (!want.empty()) std::memcpy(g.data(), got.data(), got.size());
    for (size_t i = 0; i < want.size(); i++) w[i] = gllm::Element<E>::from_f32(want[i]);
    return differ(g.data(), w.data(), w.size());
}
static size_t bytes_of(DType d) { return d == DType::f32 ? 4 : 2; }

/// No two that live together overlap; all lie within the scratch, at lines.
static void check_buffers(const CompiledLayer& layer) {
    const gllm::BufferPlan& plan = *layer.buffers();
    for (size_t i = 0; i < plan.allocs.size(); i++) {
        const BufferAlloc& a = plan.allocs[i];
        REQUIRE(a.offset % 64 == 0);
        REQUIRE(a.begin <= a.end);
        REQUIRE(a.offset + a.bytes <= plan.bytes);
        for (size_t j = 0; j < i; j++) {
            const BufferAlloc& b = plan.allocs[j];
            if (a.begin <= b.end && b.begin <= a.end) REQUIRE((a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset));
        }
    }
}

/// Two runs into the same fenced outputs; what is wrong with them.
static void run_and_compare(CompiledLayer& layer, const CompilerGraph& g, const std::vector<Source>& sources,
                            const std::vector<Value>& want, size_t rows, const Way& way) {
    std::vector<const void*> inputs;
    for (size_t i = 0; i < g.size(); i++) {
        if (g.node(i).op == CompilerOp::input)  inputs.push_back(sources[i].bytes.data());
        if (g.node(i).op == CompilerOp::weight) REQUIRE(layer.bind(g.node(i).name, sources[i].bytes.data()));
    }
    std::vector<std::unique_ptr<Fenced<uint8_t>>> fenced;
    std::vector<void*> outputs;
    for (const CompilerGraph::Output& o : g.outputs()) {
        fenced.emplace_back(new Fenced<uint8_t>(want[o.node].x.size() * bytes_of(o.dtype), 4));
        outputs.push_back(fenced.back()->data());
    }
    layer.parallel = way.parallel;
    const size_t scratch = layer.scratch_bytes(rows);
    check_buffers(layer);
    Guarded<uint8_t> room(way.guarded ? scratch : 0);
    layer.workspace = {};
    if (way.guarded && scratch) { layer.workspace.data = room.data(); layer.workspace.bytes = scratch; }
    for (bool again : { false, true }) {
        INFO("again " << again);
        for (auto& o : fenced) std::fill(o->data(), o->data() + o->size(), uint8_t(0xa5));
        const long before = allocations_ever();
        if (!ok(layer.run(inputs.data(), outputs.data(), rows), layer)) return;
        if (way.guarded) CHECK(allocations_ever() == before);
        CHECK(overruns() == 0);
        for (size_t i = 0; i < outputs.size(); i++) {
            const CompilerGraph::Output& o = g.outputs()[i];
            const Bytes got(fenced[i]->data(), fenced[i]->data() + fenced[i]->size());
            const Floats& x = want[o.node].x;
            const std::string wrong = o.dtype == DType::f32 ? differs<float>(got, x) : o.dtype == DType::f16 ? differs<gllm::f16>(got, x)
                                                                                                             : differs<gllm::bf16>(got, x);
            INFO("output " << i << ", node " << o.node);
            CHECK_MESSAGE(wrong.empty(), wrong);
            CHECK_MESSAGE(fenced[i]->broken().empty(), fenced[i]->broken());
        }
    }
}

static std::string as_text(const CompiledLayer& layer, bool dot) {
    std::string s;
    const auto write = [](void* user, const char* t, size_t n) { static_cast<std::string*>(user)->append(t, n); };
    if (dot) layer.dot(write, &s);
    else     layer.describe(write, &s);
    return s;
}

/// Every way on one instruction set.
static void check_graph(K k, const CompilerGraph& g, size_t rows, Rng& rng, size_t most_index = 1) {
    const long before = allocations();
    std::vector<Source> sources(g.size());
    for (size_t i = 0; i < g.size(); i++)
        if (g.node(i).op <= CompilerOp::weight) sources[i] = make_source(rng, g.node(i), rows, most_index);
    const gllm::Precision precision = rng.below(2) ? gllm::Precision::exact : gllm::Precision::fast;
    CompileOptions packed, unpacked;
    packed.precision = unpacked.precision = precision;
    unpacked.pack_weights = false;
    const std::vector<Value> want = evaluate(k, g, sources, rows, packed), as_they_are = evaluate(k, g, sources, rows, unpacked);
    for (Way& way : ways(rng)) {
        INFO(text(way.name) << ", rows " << rows << ", " << text(gllm::isa_name(k.isa())) << ", seed " << seed());
        DeviceProfile profile = DeviceProfile::host();
        profile.isa = k.isa();
        way.options.precision = precision;
        CompiledLayer layer;
        if (!ok(layer.compile(g, profile, way.options), layer)) return;
        INFO(as_text(layer, false));
        run_and_compare(layer, g, sources, way.options.pack_weights ? want : as_they_are, rows, way);
    }
    CHECK(allocations() == before);
}

// ---- each operation alone -------------------------------------------------------------------

static const std::vector<OpKind> UNARY   = kinds_of(gllm::ComputePattern::elementwise, 2);
static const std::vector<OpKind> BINARY  = kinds_of(gllm::ComputePattern::binary_elementwise, 3);
static const std::vector<OpKind> REDUCED = kinds_of(gllm::ComputePattern::reduction, 2);

using Build = std::function<void(CompilerGraph& g, size_t rows, size_t cols)>;
static void each_isa(const char* name, const Build& build, const std::vector<std::pair<size_t, size_t>>& shapes, size_t most_index = 1) {
    for_each_isa<float>([&](K k, const char* isa) {
        for (const auto& s : shapes)
            for (bool open : { false, true }) {
                CompilerGraph g;
                build(g, open ? any_rows : s.first, s.second);
                INFO(text(name) << " on " << text(isa) << ", " << s.first << " x " << s.second << (open ? ", open" : ""));
                Rng rng(s.first * 977 + s.second);
                check_graph(k, g, s.first, rng, most_index);
            }
    });
}
static const std::vector<std::pair<size_t, size_t>> SHAPES = { { 1, 1 }, { 1, 37 }, { 5, 1 }, { 3, 8 }, { 7, 65 }, { 2, 700 } };

TEST_CASE("elementwise operations, rows that meet every row, on either side") {
    for (OpKind kind : UNARY)
        each_isa("unary", [&](CompilerGraph& g, size_t m, size_t n) { g.output(g.op(kind, g.input({ m, n }))); }, SHAPES);
    for (OpKind kind : BINARY)
        each_isa("binary", [&](CompilerGraph& g, size_t m, size_t n) {
            const TensorRef x = g.input({ m, n }), y = g.input({ m, n }), row = g.weight("row", { n });
            g.output(g.op(kind, x, y));
            g.output(g.op(kind, x, row));
            g.output(g.op(kind, row, g.op(kind, y, x)));
        }, SHAPES);
    each_isa("with parameters", [](CompilerGraph& g, size_t m, size_t n) {
        const TensorRef x = g.input({ m, n }), y = g.input({ m, n }), row = g.weight("row", { n });
        g.output(g.scale(x, 0.37f));
        g.output(g.offset(x, -2.5f));
        g.output(g.clamp(x, -0.5f, 0.75f));
        g.output(g.axpy(x, 1.25f, y));
        g.output(g.axpy(g.op(OpKind::neg, x), -0.3f, row));
        g.output(g.axpy(row, 3, x));
    }, SHAPES);
}

TEST_CASE("norms, softmax, reductions of rows") {
    each_isa("norms", [](CompilerGraph& g, size_t m, size_t n) {
        const TensorRef x = g.input({ m, n }), w = g.weight("w", { n }), b = g.weight("b", { n });
        g.output(g.rms_norm(x, w, 1e-5f));
        g.output(g.layer_norm(x, w, b, 1e-5f));
        g.output(g.softmax(x));
        g.output(g.softmax(g.rms_norm(g.layer_norm(g.op(OpKind::neg, x), w, b, 1e-3f), b, 1e-6f)));
    }, SHAPES);
    for (OpKind kind : REDUCED)
        each_isa("reductions", [&](CompilerGraph& g, size_t m, size_t n) {
            const TensorRef x = g.input({ m, n });
            g.output(g.op(kind, x));
            g.output(g.op(OpKind::exp, g.op(kind, g.op(OpKind::tanh, x))));
        }, SHAPES);
    each_isa("dot", [](CompilerGraph& g, size_t m, size_t n) {
        const TensorRef x = g.input({ m, n }), y = g.input({ m, n }), w = g.weight("w", { n });
        g.output(g.op(OpKind::dot, x, y));
        g.output(g.op(OpKind::dot, g.op(OpKind::abs, x), w));
    }, SHAPES);
}

TEST_CASE("sums of norms in the code of what is before them") {
    std::vector<std::pair<size_t, size_t>> shapes;
    for (size_t n : { 15, 16, 31, 32, 63, 64, 65, 79, 100, 127, 128, 129, 255, 256, 257, 300, 511, 512, 513, 560, 700, 1024, 1055, 2048, 2305, 4200 })
        shapes.push_back({ n % 3 == 0 ? 1 : n < 600 ? 5 : 3, n });
    each_isa("rms_norm", [](CompilerGraph& g, size_t m, size_t n) {
        const TensorRef x = g.input({ m, n }), y = g.input({ m, n }, DType::bf16), w = g.weight("w", { n }), s = g.add(x, y);
        g.output(g.rms_norm(s, w, 1e-5f));                      // of what is kept
        g.output(s);
        g.output(g.mul(g.rms_norm(g.op(OpKind::gelu, g.offset(x, 1)), w, 1e-5f), w), DType::f16);
    }, shapes);
    each_isa("layer_norm", [](CompilerGraph& g, size_t m, size_t n) {
        const TensorRef x = g.input({ m, n }), w = g.weight("w", { n }), b = g.weight("b", { n });
        const TensorRef y = g.layer_norm(g.axpy(x, 0.5f, w), w, b, 1e-5f);
        g.output(g.layer_norm(g.offset(y, 2), b, w, 1e-3f));    // one behind the other
        g.output(g.layer_norm(g.scale(x, 1e-30f), w, b, 0));    // which floats do not hold well
    }, shapes);
    each_isa("softmax", [](CompilerGraph& g, size_t m, size_t n) {
        const TensorRef x = g.input({ m, n }), mask = g.input({ n }, DType::f16);
        g.output(g.softmax(g.add(g.scale(x, 0.125f), mask)));
        g.output(g.mul(g.softmax(g.op(OpKind::tanh, g.op(OpKind::silu, x))), x));
    }, shapes);
    for (bool wanted : { true, false }) {
        CompilerGraph g;
        CompileOptions options;
        CompiledLayer layer;
        options.sums = wanted;
        g.output(g.softmax(g.scale(g.input({ any_rows, 64 }), 0.125f)));
        REQUIRE(ok(layer.compile(g, DeviceProfile::host(), options), layer));
        const bool code = std::strcmp(layer.backend(), "interpreter") != 0;
        CHECK((as_text(layer, false).find("sums of the next norm") != std::string::npos) == (code && wanted));
    }
}

TEST_CASE("rope") {
    for (RopeStyle style : { RopeStyle::half, RopeStyle::interleaved })
        for (size_t head : { size_t(2), size_t(12), size_t(64) })
            for (size_t turned : { head, head / 2 / 2 * 2 }) {
                if (turned == 0) continue;
                each_isa("rope", [&](CompilerGraph& g, size_t m, size_t heads) {
                    const TensorRef x = g.input({ m, heads * head }), c = g.input({ m, turned / 2 }), s = g.input({ m, turned / 2 });
                    g.output(g.rope(x, c, s, head, style, turned == head ? 0 : turned));
                    g.output(g.rope(g.scale(x, 2), g.weight("c", { turned / 2 }), g.weight("s", { turned / 2 }), head, style, turned));
                }, { { 1, 1 }, { 5, 3 } });
            }
}

TEST_CASE("products: both forms, every element type, every format") {
    for (DType d : { DType::f32, DType::f16, DType::bf16 })
        each_isa("matmul", [&](CompilerGraph& g, size_t m, size_t k) {
            const TensorRef x = g.input({ m, k }, d);
            g.output(g.matmul(x, g.weight("b", { k, 19 }, d)));
            g.output(g.op(OpKind::gelu, g.add(g.matmul_t(x, g.weight("bt", { 33, k }, d)), g.weight("bias", { 33 }, d))));
            g.output(g.matmul_t(g.op(OpKind::neg, x), g.op(OpKind::tanh, g.weight("c", { 5, k }, d))), d);
        }, { { 1, 1 }, { 1, 40 }, { 9, 65 } });
    for (size_t t = 0; t < gllm::quant_type_count; t++) {
        const QuantType type = static_cast<QuantType>(t);
        each_isa(gllm::quant_name(type), [&](CompilerGraph& g, size_t m, size_t) {
            const size_t k = gllm::block_size(type) * 2;
            g.output(g.matmul_t(g.scale(g.input({ m, k }), 0.5f), g.quant_weight("w", type, 7, k)));
        }, small() ? std::vector<std::pair<size_t, size_t>>{ { 2, 1 } } : std::vector<std::pair<size_t, size_t>>{ { 1, 1 }, { 6, 1 } });
    }
}

/// Rows in place by panels made ahead: the sums of B as it is, where no tiles take part.
TEST_CASE("products by packed weights of few and of short rows") {
    for_each_isa<float>([](K k, const char* isa) {
        for (size_t m : { size_t(1), size_t(2), size_t(3), size_t(8), size_t(23) })
            for (size_t n : { size_t(1), size_t(33), size_t(127), size_t(257) })
                for (size_t d : { size_t(0), size_t(1), size_t(130), size_t(300) }) {
                    if (small() && (m * n * d) % 5 > 1) continue;
                    INFO(text(isa) << ", " << m << " x " << n << " x " << d << ", seed " << seed());
                    Rng rng(m * 1000 + n + d);
                    const Floats a = draw<float>(rng, m * d + 1), b = draw<float>(rng, n * d + 1);
                    Fenced<float> c(m * n);
                    Floats want(m * n);
                    REQUIRE(packed_product(k, false, a.data(), b.data(), c.data(), m, n, d));
                    REQUIRE(k.gemm(a.data(), b.data(), want.data(), m, n, d));
                    CHECK(differ(c.data(), want.data(), m * n) == "");
                    CHECK(c.broken() == "");
                }
    });
}

TEST_CASE("layouts: reshape, transpose, concat, slice; copies of inputs; 16 bits") {
    each_isa("layouts", [](CompilerGraph& g, size_t m, size_t n) {
        const TensorRef x = g.input({ m, 4 * n }), y = g.input({ m, n });
        g.output(g.reshape(x, n));
        g.output(g.reshape(g.softmax(g.reshape(g.op(OpKind::tanh, x), n)), 4 * n));
        g.output(g.concat(y, x, y, g.op(OpKind::exp, y)));
        g.output(g.slice(g.concat(y, x), n, n));
        g.output(g.op(OpKind::relu, g.slice(x, 4 * n - 1, 1)));
    }, SHAPES);
    each_isa("transpose", [](CompilerGraph& g, size_t m, size_t n) {
        if (m == any_rows) m = 21;
        const TensorRef x = g.input({ m, n });
        g.output(g.transpose(x));
        g.output(g.softmax(g.transpose(g.op(OpKind::neg, g.transpose(g.scale(x, 3))))));
    }, SHAPES);
    for (DType d : { DType::f16, DType::bf16 })
        each_isa("16 bits", [&](CompilerGraph& g, size_t m, size_t n) {
            const TensorRef x = g.input({ m, n }, d), y = g.input({ m, n });
            g.output(x, d);
            g.output(x);
            g.output(y, d);
            g.output(x, d == DType::f16 ? DType::bf16 : DType::f16);
            g.output(g.op(OpKind::silu, g.mul(x, g.weight("w", { n }, d))), d);
            g.output(g.mul(x, x));
        }, SHAPES);
}

TEST_CASE("embedding of f32, f16, bf16 and blocks") {
    for (DType d : { DType::f32, DType::f16, DType::bf16 })
        each_isa("embedding", [&](CompilerGraph& g, size_t m, size_t n) {
            g.output(g.rms_norm(g.embedding(g.weight("t", { 11, n }, d), g.indices(m)), g.weight("w", { n }), 1e-5f));
        }, SHAPES, 11);
    for (QuantType q : { QuantType::Q8_0, QuantType::Q4_K, QuantType::IQ2_XS })
        each_isa("embedding of blocks", [&](CompilerGraph& g, size_t m, size_t) {
            g.output(g.embedding(g.quant_weight("t", q, 5, 512), g.indices(m)));
        }, { { 1, 1 }, { 9, 1 } }, 5);
    CompilerGraph g;
    g.output(g.embedding(g.weight("t", { 3, 2 }), g.indices(any_rows)));
    CompiledLayer layer;
    REQUIRE(ok(compile_graph(g, DeviceProfile::host(), layer), layer));
    const float table[6] = { 1, 2, 3, 4, 5, 6 };
    REQUIRE(layer.bind("t", table));
    for (int32_t wrong : { -1, 3, INT32_MAX, INT32_MIN }) {
        const int32_t ids[3] = { 2, 0, wrong };
        Fenced<float> out(6);
        const void* in[] = { ids };
        void* outs[] = { out.data() };
        CHECK(layer.run(in, outs, 3).code == Code::runtime_error);
        CHECK(out.untouched());
    }
}

TEST_CASE("operations of a user's own") {
    each_isa("user", [](CompilerGraph& g, size_t m, size_t n) {
        gllm::ScalarOpRegistry& r = registry();
        const TensorRef x = g.input({ m, n }), y = g.input({ m, n }), row = g.weight("row", { n });
        g.output(g.op(r.find("softsign"), x));
        g.output(g.op(r.find("gated"), x, row));
        g.output(g.op(r.find("picked"), x, g.op(r.find("gated"), row, y), g.op(r.find("softsign"), y)));
    }, SHAPES);
}

/// Elementwise operations that have kernels, from their recordings, as a user's operation: the same bits on every set.
TEST_CASE("recorded maps are what the kernels compute") {
    gllm::ScalarOpRegistry r;
    REQUIRE(r.add("exp of mine", [](auto x) { using std::exp; return exp(x); }));
    REQUIRE(r.add("tanh of mine", [](auto x) { using std::tanh; return tanh(x); }));
    for_each_isa<float>([&](K k, const char* isa) {
        INFO(text(isa));
        DeviceProfile profile = DeviceProfile::host();
        profile.isa = k.isa();
        const size_t n = 4099;
        Rng rng(5);
        const Floats x = draw<float>(rng, n, Data::specials);
        CompilerGraph g;
        const TensorRef in = g.input({ n });
        g.output(g.op(r.find("exp of mine"), in));
        g.output(g.op(r.find("tanh of mine"), in));
        CompiledLayer layer;
        REQUIRE(ok(layer.compile(g, profile), layer));
        Floats a(n), b(n), want(n);
        const void* ins[] = { x.data() };
        void* outs[] = { a.data(), b.data() };
        REQUIRE(ok(layer.run(ins, outs), layer));
        k.exp(x.data(), want.data(), n);
        CHECK(differ(a.data(), want.data(), n) == "");
        k.tanh(x.data(), want.data(), n);
        CHECK(differ(b.data(), want.data(), n) == "");
    });
}

// ---- random graphs ----------------------------------------------------------------------------

struct Known { TensorRef ref; bool open; size_t rows, cols; };

/// Operations on what there is already; a few outputs, an input perhaps among them; what is left over is unused.
class RandomGraph {
public:
    RandomGraph(CompilerGraph& g, Rng& rng) : g_(g), rng_(rng) {
        open_ = rng.below(2) != 0;
        rows_ = 1 + rng.below(6);
        for (size_t i = 0, n = 1 + rng.below(3); i < n; i++) input(open_, open_ ? 1 + rng.below(2) : rows_, cols());
        const size_t count = 4 + rng.below(rng.below(4) ? 16 : 60);
        while (g.size() < count + 3) step();
        for (size_t i = 0, n = 1 + rng.below(3); i < n; i++)
            g.output(rng.below(8) ? recent().ref : pool_[rng.below(pool_.size())].ref, dtype());
    }

private:
    CompilerGraph&     g_;
    Rng&               rng_;
    std::vector<Known> pool_;
    bool               open_;
    size_t             rows_, names_ = 0;

    size_t cols() {
        static const size_t some[] = { 1, 2, 3, 7, 8, 16, 17, 32, 33, 64, 65, 130, 256, 300 };
        return some[rng_.below(sizeof some / sizeof *some)];
    }
    DType dtype() { return rng_.below(4) ? DType::f32 : rng_.below(2) ? DType::f16 : DType::bf16; }
    std::string name() { return "w" + std::to_string(names_++); }
    TensorRef weight(size_t rows, size_t cols) { return g_.weight(name().c_str(), { rows, cols }, dtype()); }
    const Known& recent() {
        const size_t n = pool_.size(), most = rng_.below(5) < 3 ? 1 : rng_.below(2) ? 4 : n;
        return pool_[n - 1 - rng_.below(std::min(n, most))];
    }
    void push(TensorRef r, bool open, size_t rows, size_t cols) { pool_.push_back({ r, open, rows, cols }); }
    void input(bool open, size_t rows, size_t cols) {
        TensorRef r = g_.input({ open ? any_rows : rows, cols }, dtype());
        if (open && rows > 1) r = g_.reshape(g_.input({ any_rows, rows * cols }, dtype()), cols);
        push(r, open, rows, cols);
    }
    /// Another of this shape, or a row.
    TensorRef like(const Known& t) {
        std::vector<TensorRef> fit;
        for (const Known& k : pool_) if (k.open == t.open && k.rows == t.rows && k.cols == t.cols) fit.push_back(k.ref);
        for (const Known& k : pool_) if (!k.open && k.rows == 1 && k.cols == t.cols) fit.push_back(k.ref);
        if (rng_.below(3) == 0) return weight(1, t.cols);
        return fit[rng_.below(fit.size())];
    }
    TensorRef row(size_t cols) {
        for (const Known& k : pool_) if (!k.open && k.rows == 1 && k.cols == cols && rng_.below(2)) return k.ref;
        return weight(1, cols);
    }
    OpKind any(const std::vector<OpKind>& kinds) { return kinds[rng_.below(kinds.size())]; }

    void step() {
        const Known t = recent();
        const TensorRef x = t.ref;
        const auto same = [&](TensorRef r) { push(r, t.open, t.rows, t.cols); };
        gllm::ScalarOpRegistry& r = registry();
        switch (rng_.below(20)) {
            case 0: case 1: case 2: return same(g_.op(any(UNARY), x));
            case 3: case 4: case 5: case 6: {
                const TensorRef y = like(t);
                return same(rng_.below(2) ? g_.op(any(BINARY), x, y) : g_.op(any(BINARY), y, x));
            }
            case 7: return same(rng_.below(2) ? g_.scale(x, float(rng_.uniform(-2, 2))) : g_.clamp(x, -1, float(rng_.uniform(0, 2))));
            case 8: return same(rng_.below(2) ? g_.axpy(x, float(rng_.uniform(-2, 2)), like(t)) : g_.offset(x, 0.5f));
            case 9: return same(g_.rms_norm(x, row(t.cols), 1e-5f));
            case 10: return same(rng_.below(2) ? g_.layer_norm(x, row(t.cols), row(t.cols), 1e-5f) : g_.softmax(x));
            case 11: push(rng_.below(2) ? g_.op(any(REDUCED), x) : g_.op(OpKind::dot, x, row(t.cols)), t.open, t.rows, 1); return;
            case 12: {
                if (t.cols % 2) return same(g_.op(r.find("softsign"), x));
                const size_t head = t.cols % 8 == 0 && rng_.below(2) ? 8 : t.cols, turned = rng_.below(2) && head > 2 ? 2 : head;
                const RopeStyle style = rng_.below(2) ? RopeStyle::half : RopeStyle::interleaved;
                return same(g_.rope(x, row(turned / 2), row(turned / 2), head, style, turned));
            }
            case 13: { const size_t n = cols(); push(g_.matmul(x, weight(t.cols, n)), t.open, t.rows, n); return; }
            case 14: {
                const size_t n = cols();
                const bool blocks = t.cols % 32 == 0 && rng_.below(2);
                static const QuantType types[] = { QuantType::Q8_0, QuantType::Q4_0, QuantType::Q6_K, QuantType::IQ3_S };
                const QuantType q = types[rng_.below(t.cols % 256 ? 2 : 4)];
                push(g_.matmul_t(x, blocks ? g_.quant_weight(name().c_str(), q, n, t.cols) : weight(n, t.cols)), t.open, t.rows, n);
                return;
            }
            case 15: {
                const size_t all = t.rows * t.cols;
                size_t n = 1 + rng_.below(all);
                while (all % n) n--;
                push(g_.reshape(x, n), t.open, all / n, n);
                return;
            }
            case 16: if (t.open) return input(false, 1, t.cols); push(g_.transpose(x), false, t.cols, t.rows); return;
            case 17: {
                std::vector<Known> fit;
                for (const Known& k : pool_) if (k.open == t.open && k.rows == t.rows && k.cols + t.cols < 700) fit.push_back(k);
                if (fit.empty()) return same(g_.op(OpKind::neg, x));
                const Known& y = fit[rng_.below(fit.size())];
                push(g_.concat(x, y.ref), t.open, t.rows, t.cols + y.cols);
                return;
            }
            case 18: {
                const size_t b = rng_.below(t.cols), n = 1 + rng_.below(t.cols - b);
                push(g_.slice(x, b, n), t.open, t.rows, n);
                return;
            }
            default:
                if (rng_.below(3) == 0) {
                    const size_t n = cols();
                    push(g_.embedding(weight(13, n), g_.indices(open_ ? any_rows : rows_)), open_, open_ ? 1 : rows_, n);
                    return;
                }
                return same(g_.op(r.find("picked"), x, like(t), like(t)));
        }
    }
};

TEST_CASE("random graphs") {
    const char* const wanted = std::getenv("GLLM_KERNELS_GRAPHS");
    const size_t count = wanted ? std::strtoull(wanted, nullptr, 0) : full() ? 100000 : small() ? 12 : 10000;
    size_t graphs = 0, fused = 0, banded = 0, shared = 0, taken = 0;
    for (size_t i = 0; i < count; i++) {
        std::vector<Isa> sets;
        for (Isa isa : gllm::all_isas) if (gllm::isa_presence(isa) != gllm::Presence::absent) sets.push_back(isa);
        CpuKernels<float> k;
        REQUIRE(k.select(sets[i % sets.size()]));
        Rng rng(i + 1000);
        CompilerGraph g;
        RandomGraph random(g, rng);
        INFO("random graph " << i);
        check_graph(k, g, rng.below(4) ? 1 + rng.below(9) : 1, rng, 13);
        CompiledLayer layer;
        REQUIRE(ok(layer.compile(g, DeviceProfile::host()), layer));
        for (const gllm::FusionGroup& f : layer.fusion()->groups) fused += f.strategy == FusionStrategy::loop_fusion;
        banded += layer.fusion()->bands.size();
        size_t sum = 0;
        for (const BufferAlloc& a : layer.buffers()->allocs) { sum += a.bytes; taken += a.values > 1; }
        shared += sum > layer.buffers()->bytes;
        graphs++;
    }
    MESSAGE(graphs << " graphs, " << fused << " fused groups, " << banded << " bands, " << shared << " plans that share memory, " << taken
                   << " buffers taken over");
    CHECK(fused > graphs / 2);
    if (!small()) CHECK(banded > graphs / 20);                  // rare among few
    CHECK(shared > graphs / 20);
    CHECK(taken > graphs / 20);
}

/// Values that are read once more after what could take their place, by the same group, a later one or through a view.
TEST_CASE("buffers with several readers") {
    each_isa("readers", [](CompilerGraph& g, size_t m, size_t n) {
        const TensorRef w = g.weight("w", { n, n }), u = g.matmul_t(g.input({ m, n }), w);
        const TensorRef v = g.op(OpKind::exp, u), t = g.add(u, v), norm = g.rms_norm(t, g.weight("s", { n }), 1e-5f);
        g.output(g.matmul_t(v, w));
        g.output(g.matmul_t(g.mul(t, u), w));
        g.output(g.matmul_t(norm, w));
        const TensorRef y = g.matmul_t(norm, w), z = g.op(OpKind::tanh, y), view = g.reshape(y, 1);
        g.output(g.matmul_t(z, w));
        g.output(g.op(OpKind::relu, view));
        g.output(g.axpy(g.op(OpKind::neg, z), 2, g.matmul_t(g.axpy(z, 0.5f, z), w)));
    }, SHAPES);
    each_isa("an operand that is a result, and is overwritten before it is read", [](CompilerGraph& g, size_t m, size_t n) {
        const TensorRef w = g.weight("w", { n, n }), u = g.matmul_t(g.input({ m, n }), w), same = g.op(registry().find("same"), u);
        const TensorRef v = g.op(OpKind::neg, u);
        g.output(g.mul(same, v));
        g.output(g.matmul_t(v, w));
    }, SHAPES);
    each_isa("a view that is a row for every row", [](CompilerGraph& g, size_t m, size_t n) {
        if (m == any_rows) m = 3;
        const TensorRef x = g.op(OpKind::exp, g.input({ m, n * m })), y = g.slice(x, 0, n), row = g.reshape(y, n * m);
        g.output(g.mul(x, row));
        g.output(g.mul(g.add(g.op(OpKind::neg, g.op(OpKind::relu, g.input({ m, n * m }))), row), x));
    }, { { 2, 6 }, { 5, 33 }, { 1, 4 } });
}

// ---- what is fused, and where it lies -----------------------------------------------------------

TEST_CASE("chains, diamonds and norms are one group; an input that is an output; in place") {
    const DeviceProfile host = DeviceProfile::host();
    CompiledLayer layer;
    {
        CompilerGraph g;                                        // a chain
        TensorRef x = g.input({ any_rows, 96 });
        for (size_t i = 0; i < 5; i++) x = g.op(UNARY[i], x);
        g.output(x);
        REQUIRE(ok(layer.compile(g, host), layer));
        REQUIRE(layer.fusion()->groups.size() == 1);
        CHECK(layer.fusion()->groups[0].strategy == FusionStrategy::loop_fusion);
        CHECK(layer.fusion()->groups[0].slots == 1);            // each in the place of the one before
        CHECK(layer.fusion()->groups[0].flat);
        CHECK(layer.dag()->nodes.size() == 6);
        CompileOptions off;
        off.machine_code = off.loop_fusion = false;
        REQUIRE(ok(layer.compile(g, host, off), layer));
        CHECK(text(layer.backend()) == "interpreter");
        CHECK(layer.fusion()->groups.size() == 5);
        CHECK(layer.buffers()->allocs.size() == 1);             // four values in turn
        CHECK(layer.buffers()->allocs[0].values == 4);
        off.in_place = false;
        REQUIRE(ok(layer.compile(g, host, off), layer));
        CHECK(layer.buffers()->allocs.size() == 4);
        CHECK(layer.buffers()->bytes == 2 * 384);
        off.share_buffers = false;
        REQUIRE(ok(layer.compile(g, host, off), layer));
        CHECK(layer.buffers()->bytes == 4 * 384);
    }
    {
        CompilerGraph g;                                        // a diamond around a product, and a norm behind it
        const TensorRef x = g.input({ any_rows, 64 }), a = g.op(OpKind::gelu, x), b = g.matmul_t(x, g.weight("w", { 64, 64 }));
        const TensorRef y = g.add(g.mul(a, b), g.op(OpKind::silu, a));
        g.output(g.rms_norm(y, g.weight("n", { 64 }), 1e-5f));
        g.op(OpKind::exp, y);                                   // unused
        REQUIRE(ok(layer.compile(g, host), layer));
        REQUIRE(layer.fusion()->groups.size() == 2);
        CHECK(layer.fusion()->groups[0].strategy == FusionStrategy::kernel_call);
        CHECK(layer.fusion()->groups[1].end - layer.fusion()->groups[1].begin == 5);
    }
    {
        CompilerGraph g;                                        // what a product needs comes first
        const TensorRef x = g.input({ any_rows, 64 }), a = g.op(OpKind::gelu, x), b = g.matmul_t(a, g.weight("w", { 64, 64 }));
        g.output(g.mul(a, b));
        REQUIRE(ok(layer.compile(g, host), layer));
        CHECK(layer.fusion()->groups.size() == 3);
    }
    {
        CompilerGraph g;                                        // between two products, in the place of the first one's result
        const TensorRef w = g.weight("w", { 64, 64 }), x = g.matmul_t(g.input({ any_rows, 64 }), w);
        g.output(g.matmul_t(g.op(OpKind::exp, g.rms_norm(g.add(x, g.weight("b", { 64 })), g.weight("n", { 64 }), 1e-5f)), w));
        REQUIRE(ok(layer.compile(g, host), layer));
        REQUIRE(layer.fusion()->groups.size() == 3);
        CHECK(layer.buffers()->allocs[0].values == 2);
    }
}

static void build_mlp(CompilerGraph& g) {
    const TensorRef x = g.input({ any_rows, 256 });
    const TensorRef h = g.op(OpKind::gelu, g.add(g.matmul_t(x, g.weight("w1", { 512, 256 })), g.weight("b1", { 512 })));
    const TensorRef y = g.add(g.matmul_t(h, g.quant_weight("w2", QuantType::Q4_K, 256, 512)), x);
    g.output(g.rms_norm(y, g.weight("norm", { 256 }), 1e-5f));
}

/// Products by packed weights and what is around them go band by band: many rows, a small cache, sums of several parts of k.
TEST_CASE("bands of rows") {
    set_l2_bytes(1 << 16);
    size_t several = 0;
    const auto build = [&](CompilerGraph& g, size_t m, size_t) {
        const TensorRef x = g.input({ m, 300 }), n = g.rms_norm(x, g.weight("n", { 300 }), 1e-5f);
        const TensorRef h = g.matmul(n, g.weight("up", { 300, 50 })), gate = g.matmul_t(n, g.weight("gate", { 50, 300 }));
        const TensorRef y = g.add(g.matmul_t(g.swiglu(gate, h), g.weight("down", { 300, 50 })), x);
        g.output(g.softmax(y));
        g.output(h);
        g.output(g.op(OpKind::tanh, g.matmul_t(g.reshape(g.op(OpKind::neg, y), 100), g.weight("rest", { 5, 100 }))));
    };
    each_isa("bands", build, small() ? std::vector<std::pair<size_t, size_t>>{ { 1, 1 }, { 50, 1 } }
                                     : std::vector<std::pair<size_t, size_t>>{ { 1, 1 }, { 2, 1 }, { 9, 1 }, { 50, 1 }, { 131, 1 } });
    CompilerGraph g;
    build(g, any_rows, 0);
    CompiledLayer layer;
    REQUIRE(ok(layer.compile(g, DeviceProfile::host()), layer));
    for (size_t rows : { size_t(1), size_t(500) }) {
        CHECK(layer.scratch_bytes(rows) > 0);
        INFO(as_text(layer, false));
        REQUIRE(layer.fusion()->bands.size() == 2);             // up to the view, and behind it
        several += layer.fusion()->bands[0].rows < rows;
        CHECK(layer.fusion()->bands[0].rows <= rows);
    }
    CHECK(several == 1);
    CHECK(as_text(layer, false).find("rows at a time") != std::string::npos);
    CompileOptions off;
    off.row_bands = false;
    REQUIRE(ok(layer.compile(g, DeviceProfile::host(), off), layer));
    CHECK(layer.fusion()->bands.size() == 0);
    set_l2_bytes(0);
}

TEST_CASE("a weight is what it was when it was bound; one input, one output") {
    CompilerGraph g;
    g.output(g.matmul(g.input({ any_rows, 2 }), g.weight("w", { 2, 4 })));
    CompiledLayer layer;
    float w[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, out[4] = {};
    const float x[2] = { 1, 10 };
    CHECK(layer.run(x, out).code == Code::invalid_argument);
    REQUIRE(ok(layer.compile(g, DeviceProfile::host()), layer));
    CHECK(layer.run(x, out).code == Code::invalid_argument);
    REQUIRE(layer.bind("w", w));
    REQUIRE(ok(layer.run(x, out), layer));
    CHECK(out[3] == 84);
    w[3] = 5;
    REQUIRE(layer.bind("w", w));
    REQUIRE(ok(layer.run(x, out), layer));
    CHECK(out[3] == 85);
    CHECK(layer.bind("w", reinterpret_cast<const char*>(w) + 2).code == Code::invalid_argument);
    CHECK(layer.bind("w", nullptr).code == Code::invalid_argument);
    out[3] = 0;
    REQUIRE(ok(layer.run(x, out), layer));                      // by what was bound before
    CHECK(out[3] == 85);
    g.output(g.input({ 3 }));
    REQUIRE(ok(layer.compile(g, DeviceProfile::host()), layer));
    REQUIRE(layer.bind("w", w));
    CHECK(layer.run(x, out).code == Code::invalid_argument);
    CHECK(out[3] == 85);
}

/// From run to run: other memory, rows, tensors, numbers of a weight, threads.
static void check_runs(CompilerGraph& g, const std::vector<const char*>& names) {
    Rng rng(11);
    std::vector<Source> weights;
    CompiledLayer layer;
    REQUIRE(ok(layer.compile(g, DeviceProfile::host()), layer));
    const auto bind = [&](size_t i, const Source& s) { REQUIRE(layer.bind(names[i], s.bytes.data())); };
    for (size_t i = 0; i < names.size(); i++) { weights.push_back(source_of<float>(rng, 24 * 40)); bind(i, weights[i]); }
    const size_t most = 9;
    const Source other = source_of<float>(rng, 24 * 40);
    const Floats a = draw<float>(rng, most * 24), b = draw<float>(rng, most * 24);
    Floats in = a, out(most * 40);
    std::vector<gllm::f16> narrow(most * 24);
    const auto run = [&](const Floats& x, size_t rows, void* memory, size_t bytes) {
        std::fill(out.begin(), out.end(), 0.0f);
        std::fill(narrow.begin(), narrow.end(), gllm::f16());
        const void* ins[] = { x.data() };
        void* outs[] = { out.data(), narrow.data() };
        layer.workspace = { memory, bytes };
        ok(layer.run(ins, outs, rows), layer);
        Floats all(out.begin(), out.begin() + ptrdiff_t(rows * 40));
        for (size_t i = 0; i < rows * 24; i++) all.push_back(gllm::Element<gllm::f16>::to_f32(narrow[i]));
        return all;
    };
    size_t scratch = 0;
    for (unsigned width = 1; width <= 3; width++) {
        layer.parallel = parallel_of(width);
        scratch = std::max(scratch, layer.scratch_bytes(most));
    }
    layer.parallel = {};
    std::vector<Floats> want = { run(a, most, nullptr, 0), run(b, most, nullptr, 0), run(a, 4, nullptr, 0), {} };
    bind(0, other);
    want[3] = run(a, most, nullptr, 0);
    bind(0, weights[0]);
    CHECK(want[0] != want[1]);
    CHECK(want[0] != want[3]);
    Bytes here(scratch), there(scratch);
    for (size_t i = 0; i < 100; i++) {
        Bytes &used = rng.below(2) ? here : there, &unused = &used == &here ? there : here;
        std::fill(unused.begin(), unused.end(), uint8_t(0xff));
        const size_t which = rng.below(4);
        const bool   own = rng.below(4) == 0, copied = rng.below(2) != 0;
        layer.parallel = parallel_of(1 + unsigned(rng.below(3)));
        if (which == 3) bind(0, other);
        const Floats& x = which == 1 ? b : a;
        if (copied) in = x;                                     // other numbers in the same place
        for (size_t again = rng.below(3) + 1; again-- > 0;) {
            const Floats got = run(copied ? in : x, which == 2 ? 4 : most, own ? nullptr : used.data(), own ? 0 : scratch);
            CHECK(differ(got.data(), want[which].data(), got.size()) == "");
        }
        CHECK(std::count(unused.begin(), unused.end(), uint8_t(0xff)) == ptrdiff_t(unused.size()));
        if (which == 3) bind(0, weights[0]);
        if (rng.below(5) == 0) layer.scratch_bytes(1 + rng.below(most));
    }
}
TEST_CASE("from run to run: other memory, other rows, other tensors") {
    CompilerGraph g, code;
    const TensorRef x = g.input({ any_rows, 24 });
    const TensorRef y = g.rms_norm(g.matmul(x, g.weight("w", { 24, 40 })), g.weight("n", { 40 }), 1e-5f);
    g.output(g.rms_norm(g.reshape(y, 8), g.weight("m", { 8 }), 1e-5f));             // a view of a buffer
    g.output(g.reshape(x, 12), DType::f16);                                         // and of an input
    check_runs(g, { "w", "n", "m" });
    const TensorRef z = code.input({ any_rows, 24 });
    const TensorRef h = code.op(OpKind::gelu, code.add(code.matmul(z, code.weight("w", { 24, 16 })), code.weight("n", { 16 })));
    code.output(code.matmul(code.op(OpKind::relu, h), code.weight("m", { 16, 40 })));
    code.output(code.op(OpKind::neg, code.op(OpKind::abs, z)), DType::f16);
    check_runs(code, { "w", "n", "m" });
}

/// Of these sizes the kernels would take one, and a value of the group behind the product, which is computed with it, could lie there.
TEST_CASE("a product in machine code has no workspace") {
    each_isa("product", [](CompilerGraph& g, size_t m, size_t n) {
        const TensorRef u = g.weight("u", { n, 1 }), p = g.matmul(g.input({ m, 130 }), g.weight("w", { 130, n }));
        const TensorRef a = g.op(OpKind::tanh, p), b = g.add(p, a);             // in a buffer of its own, and in that of p
        g.output(g.matmul(a, u));
        g.output(g.matmul(b, u));
    }, { { 9, 256 } });
}

TEST_CASE("no rows take no more scratch than one") {
    CompilerGraph g;
    const TensorRef x = g.input({ any_rows, 64 }), w = g.weight("w", { 64 });
    const TensorRef a = g.rms_norm(x, w, 1e-5f);
    g.output(g.op(OpKind::sum, g.add(g.op(OpKind::softmax, a), a)));
    CompiledLayer layer;
    REQUIRE(layer.compile(g, DeviceProfile::host()));
    CHECK(layer.scratch_bytes(0) <= layer.scratch_bytes(1));
}

TEST_CASE("threads change no bit") {
    const long before = allocations();
    for_each_isa<float>([](K k, const char* isa) {
        INFO(text(isa));
        CompilerGraph g;
        build_mlp(g);
        const TensorRef x = g.input({ any_rows, 2000 });
        g.output(g.softmax(g.op(OpKind::gelu, g.mul(g.op(OpKind::exp, x), g.weight("scale", { 2000 })))));
        g.output(g.op(OpKind::tanh, g.op(OpKind::silu, x)));
        const size_t rows = small() ? 3 : 17;
        Rng rng(3);
        std::vector<Source> sources(g.size());
        for (size_t i = 0; i < g.size(); i++)
            if (g.node(i).op <= CompilerOp::weight) sources[i] = make_source(rng, g.node(i), rows, 1);
        const std::vector<Value> want = evaluate(k, g, sources, rows, {});
        DeviceProfile profile = DeviceProfile::host();
        profile.isa = k.isa();
        CompiledLayer layer;
        REQUIRE(ok(layer.compile(g, profile), layer));
        for (unsigned width : { 1u, 2u, 3u, 4u, 50u }) run_and_compare(layer, g, sources, want, rows, { "", {}, parallel_of(width), true });
        gllm::ThreadPool pool(3);
        for (int i = 0; i < 3; i++) run_and_compare(layer, g, sources, want, rows, { "", {}, pool.parallel(), i != 0 });
    });
    CHECK(allocations() == before);
}

// ---- what is refused ---------------------------------------------------------------------------------

static void refused(const char* what, const std::function<void(CompilerGraph& g)>& build, const char* part, const char* node,
                    Code code = Code::compile_error) {
    CompilerGraph g;
    build(g);
    CompiledLayer layer;
    const Status s = layer.compile(g, DeviceProfile::host());
    INFO(text(what) << " -> " << text(layer.message()));
    CHECK(int(s.code) == int(code));
    CHECK(text(s.what).find(part) != std::string::npos);
    CHECK(text(layer.message()).find(s.what) != std::string::npos);
    CHECK(text(layer.message()).find(node) != std::string::npos);
    CHECK(layer.dag() == nullptr);
    CHECK(layer.scratch_bytes(1) == 0);
    CHECK(allocations() > 0);                                   // the graph's own
}

TEST_CASE("malformed graphs") {
    using G = CompilerGraph&;
    refused("no outputs", [](G g) { g.input({ 3 }); }, "has outputs", "");
    refused("an output that does not exist", [](G g) { g.input({ 3 }); g.output({}); }, "does not exist", "");
    refused("an output of blocks", [](G g) { g.output(g.quant_weight("w", QuantType::Q8_0, 2, 32)); }, "no outputs", "w");
    refused("an output type", [](G g) { g.output(g.input({ 3 }), DType::blocks); }, "f32, f16 or bf16", "node 0");
    refused("a missing operand", [](G g) { g.output(g.add(g.input({ 3 }), {})); }, "number of operands", "node 1 (add)");
    refused("one operand too many", [](G g) { const TensorRef x = g.input({ 3 }); g.output(g.op(OpKind::relu, x, x)); },
            "number of operands", "relu");
    refused("a hole among operands", [](G g) { const TensorRef x = g.input({ 3 }); g.output(g.concat(x, x, {}, x)); },
            "does not exist", "concat");
    refused("a name without an end", [](G g) { g.output(g.add(g.input({ 3 }), g.weight("a name of more characters than the forty-seven it may have", { 3 }))); },
            "48 bytes", "");
    refused("no way to turn", [](G g) {
        g.output(g.rope(g.input({ 8 }), g.weight("c", { 4 }), g.weight("s", { 4 }), 8, static_cast<RopeStyle>(7)));
    }, "no kind of operation", "");
    refused("columns", [](G g) { g.output(g.add(g.input({ 2, 3 }), g.input({ 2, 4 }))); }, "columns", "node 2 (add)");
    refused("rows", [](G g) { g.output(g.mul(g.input({ 2, 3 }), g.input({ 3, 3 }))); }, "rows", "mul");
    refused("open and closed rows", [](G g) { g.output(g.mul(g.input({ any_rows, 3 }), g.input({ 3, 3 }))); }, "rows", "mul");
    refused("depth", [](G g) { g.output(g.matmul(g.input({ 2, 3 }), g.weight("w", { 4, 5 }))); }, "depth", "node 2 (matmul)");
    refused("depth of the other form", [](G g) { g.output(g.matmul_t(g.input({ 2, 3 }), g.weight("w", { 3, 5 }))); }, "depth", "matmul_t");
    refused("an open second matrix", [](G g) { g.output(g.matmul_t(g.input({ 2, 3 }), g.input({ any_rows, 3 }))); },
            "known number of rows", "matmul_t");
    refused("blocks in the wrong form", [](G g) { g.output(g.matmul(g.input({ 2, 3 }), g.quant_weight("w", QuantType::Q8_0, 3, 32))); },
            "matmul_t", "matmul");
    refused("blocks as an operand", [](G g) { g.output(g.op(OpKind::relu, g.quant_weight("w", QuantType::Q8_0, 3, 32))); },
            "no operands", "relu");
    refused("indices as an operand", [](G g) { g.output(g.op(OpKind::relu, g.indices(3))); }, "no operands", "relu");
    refused("ragged blocks", [](G g) { g.output(g.matmul_t(g.input({ 33 }), g.quant_weight("w", QuantType::Q8_0, 3, 33))); },
            "whole blocks", "w");
    refused("no format", [](G g) { g.output(g.matmul_t(g.input({ 32 }), g.quant_weight("w", QuantType(77), 3, 32))); },
            "no QuantType", "w");
    refused("no element type", [](G g) { g.output(g.input({ 3 }, DType(9))); }, "no DType", "node 0");
    refused("a quantised input", [](G g) { g.output(g.input({ 32 }, DType::blocks)); }, "only a weight", "node 0");
    refused("an open weight", [](G g) { g.output(g.weight("w", { any_rows, 3 })); }, "known number of rows", "w");
    refused("a nameless weight", [](G g) { g.output(g.weight("", { 3 })); }, "needs a name", "node 0");
    refused("a name twice", [](G g) { g.output(g.add(g.weight("w", { 3 }), g.weight("w", { 3 }))); }, "another weight", "node 1");
    refused("no columns", [](G g) { g.output(g.input({ 2, 0 })); }, "at least one", "node 0");
    refused("sizes overflow", [](G g) { g.output(g.input({ SIZE_MAX / 64, 65 })); }, "overflows", "node 0");
    refused("columns overflow", [](G g) { g.output(g.input({ any_rows, SIZE_MAX / 8 })); }, "overflows", "node 0");
    refused("sizes of a result overflow", [](G g) {
        g.output(g.matmul_t(g.input({ SIZE_MAX >> 12, 1 }), g.weight("w", { SIZE_MAX >> 12, 1 })));
    }, "overflows", "matmul_t");
    refused("columns side by side overflow", [](G g) {
        const TensorRef x = g.input({ 1, SIZE_MAX / 48 });
        g.output(g.concat(x, x, x, x));
    }, "overflows", "concat");
    refused("reshape", [](G g) { g.output(g.reshape(g.input({ 3, 4 }), 5)); }, "whole rows", "reshape");
    refused("reshape to nothing", [](G g) { g.output(g.reshape(g.input({ 3, 4 }), 0)); }, "whole rows", "reshape");
    refused("transpose of open rows", [](G g) { g.output(g.transpose(g.input({ any_rows, 4 }))); }, "known number of rows", "transpose");
    refused("slice", [](G g) { g.output(g.slice(g.input({ 3, 4 }), 2, 3)); }, "within the columns", "slice");
    refused("slice that wraps", [](G g) { g.output(g.slice(g.input({ 3, 4 }), 2, SIZE_MAX)); }, "within the columns", "slice");
    refused("empty slice", [](G g) { g.output(g.slice(g.input({ 3, 4 }), 2, 0)); }, "at least one", "slice");
    refused("concat", [](G g) { g.output(g.concat(g.input({ 3, 4 }), g.input({ 2, 4 }))); }, "as many rows", "concat");
    refused("norm", [](G g) { g.output(g.rms_norm(g.input({ 3, 4 }), g.input({ 3, 4 }), 0)); }, "one row", "rms_norm");
    refused("norm of other columns", [](G g) { g.output(g.rms_norm(g.input({ 3, 4 }), g.input({ 5 }), 0)); }, "columns", "rms_norm");
    refused("heads", [](G g) { g.output(g.rope(g.input({ 3, 10 }), g.input({ 2 }), g.input({ 2 }), 4, RopeStyle::half)); },
            "whole heads", "rope");
    refused("odd heads", [](G g) { g.output(g.rope(g.input({ 3, 9 }), g.input({ 1 }), g.input({ 1 }), 3, RopeStyle::half)); },
            "n_rot", "rope");
    refused("angles", [](G g) { g.output(g.rope(g.input({ 3, 8 }), g.input({ 3 }), g.input({ 2 }), 4, RopeStyle::half)); },
            "cos and sin", "rope");
    refused("a table that is computed", [](G g) { g.output(g.embedding(g.op(OpKind::relu, g.input({ 3, 4 })), g.indices(2))); },
            "weight", "embedding");
    refused("no indices", [](G g) { g.output(g.embedding(g.weight("t", { 3, 4 }), g.input({ 2, 1 }))); }, "by indices", "embedding");
    refused("no user's operation", [](G g) { g.output(g.op(static_cast<const gllm::OpTrace*>(nullptr), g.input({ 2 }))); },
            "no kind", "user");

    // what a damaged file may hold
    const auto edited = [](const char* what, const std::function<void(G g)>& edit, const char* part, const char* node) {
        refused(what, [&](G g) {
            const TensorRef x = g.input({ 4, 8 }), a = g.op(OpKind::relu, x), b = g.add(a, x);
            g.output(g.op(OpKind::exp, b));
            edit(g);
        }, part, node);
    };
    edited("a cycle", [](G g) { g.node(1).input[0] = 2; }, "itself", "node");
    edited("a node of itself", [](G g) { g.node(2).input[1] = 2; }, "itself", "node 2 (add)");
    edited("a cycle that no output needs", [](G g) {
        const TensorRef c = g.op(OpKind::exp, { 0 });
        g.node(c.node).input[0] = c.node;
    }, "itself", "node 4");
    edited("an operand beyond the end", [](G g) { g.node(1).input[0] = 4; }, "does not exist", "node 1 (relu)");
    edited("many operands", [](G g) { g.node(1).inputs = 200; }, "number of operands", "relu");
    edited("no operation", [](G g) { g.node(1).op = CompilerOp(99); }, "no operation", "node 1");
    edited("an operation of plans", [](G g) { g.node(1).op = CompilerOp::convert; }, "no operation", "node 1");
    edited("no kind", [](G g) { g.node(1).kind = OpKind(200); }, "no kind", "node 1");
    edited("a name without an end", [](G g) { std::memset(g.node(1).name, 'x', sizeof g.node(1).name); }, "name ends", "xxxx");
    edited("a name that is no text", [](G g) {
        std::strcpy(g.node(1).name, "a\x01\"\xff");
        g.node(1).inputs = 0;
    }, "number of operands", "a???");
    edited("an unused node that is wrong", [](G g) { g.slice({ 0 }, 9, 1); }, "within the columns", "slice");

    CompilerGraph late;                                         // operands may come later, as long as there is an order
    const TensorRef x = late.input({ 3 }), y = late.op(OpKind::neg, x), z = late.op(OpKind::neg, x);
    late.output(y);
    late.node(y.node).input[0] = z.node;
    CompiledLayer layer;
    REQUIRE(ok(layer.compile(late, DeviceProfile::host()), layer));
    const float in[3] = { 1, -2, 3 };
    float out[3];
    const void* ins[] = { in };
    void* outs[] = { out };
    REQUIRE(ok(layer.run(ins, outs), layer));
    CHECK(std::memcmp(in, out, sizeof in) == 0);
    DeviceProfile none;
    for (Isa isa : gllm::all_isas) {
        none.isa = isa;
        if (gllm::isa_presence(isa) == gllm::Presence::absent) CHECK(layer.compile(late, none).code == Code::unsupported);
    }
    CHECK(layer.dag() != nullptr);                              // it is what it was

    CompilerGraph many;
    TensorRef t = many.input({ 3 });
    for (int i = 0; i < 9000; i++) t = many.op(OpKind::neg, t);
    many.output(t);
    CHECK(layer.compile(many, DeviceProfile::host()).code == Code::out_of_memory);
}

TEST_CASE("calls that are wrong") {
    CompilerGraph g;
    const TensorRef x = g.input({ any_rows, 6 }, DType::f32, "x"), y = g.input({ any_rows, 6 });
    g.output(g.softmax(g.mul(g.add(x, y), g.weight("w", { 6 }))));
    g.output(x);
    g.op(OpKind::relu, g.weight("spare", { 6 }));
    CompiledLayer layer;
    const float a[24] = {}, b[24] = {}, w[6] = {};
    Fenced<float> c(24), d(24);
    const void* in[] = { a, b };
    void* out[] = { c.data(), d.data() };
    CHECK(layer.run(in, out, 4).code == Code::invalid_argument);
    CHECK(layer.bind("w", w).code == Code::invalid_argument);
    REQUIRE(ok(layer.compile(g, DeviceProfile::host()), layer));
    CompileOptions imprecise;
    imprecise.precision = static_cast<gllm::Precision>(9);
    CHECK(layer.compile(g, DeviceProfile::host(), imprecise).code == Code::invalid_argument);
    CHECK(layer.run(in, out, 4).code == Code::invalid_argument);
    CHECK(text(layer.message()).find("(w): ") != std::string::npos);
    CHECK(layer.bind("v", w).code == Code::invalid_argument);
    CHECK(layer.bind(nullptr, w).code == Code::invalid_argument);
    REQUIRE(layer.bind("w", w));
    const auto wrong = [&](const char* what, const void* const* i, void* const* o, size_t rows, const char* part) {
        INFO(text(what));
        CHECK(layer.run(i, o, rows).code != Code::ok);
        CHECK_MESSAGE(text(layer.message()).find(part) != std::string::npos, text(layer.message()));
        CHECK(c.untouched());
        CHECK(d.untouched());
    };
    const void* half[] = { nullptr, b };
    void* lost[] = { c.data(), nullptr };
    void* twice[] = { c.data(), c.data() + 23 };
    void* over[] = { c.data(), const_cast<float*>(b + 20) };
    void* on_w[] = { const_cast<float*>(w), d.data() };
    void* odd[] = { c.data(), reinterpret_cast<uint8_t*>(d.data()) + 1 };
    wrong("no inputs", nullptr, out, 4, "null");
    wrong("a null input", half, out, 4, "(x): null");
    wrong("no outputs", in, nullptr, 4, "null");
    wrong("a null output", in, lost, 4, "null");
    wrong("outputs overlap", in, twice, 4, "overlaps another");
    wrong("an output over an input", in, over, 4, "overlaps an input");
    wrong("an output over a weight", in, on_w, 4, "overlaps an input");
    wrong("alignment", in, odd, 4, "aligned");
    wrong("rows overflow", in, out, SIZE_MAX / 8, "overflow");
    CHECK(layer.scratch_bytes(SIZE_MAX / 8) == 0);
    const size_t scratch = layer.scratch_bytes(4);
    if (scratch) {
        Bytes room(scratch);
        layer.workspace.data = room.data();
        layer.workspace.bytes = scratch - 1;
        wrong("scratch", in, out, 4, "scratch_bytes");
    }
    const auto wrong_room = [&](const char* what, const void* at, size_t bytes, const char* part) {
        layer.workspace = { const_cast<void*>(at), bytes };
        wrong(what, in, out, 4, part);
    };
    wrong_room("a workspace over an input", b + 23, 4096, "workspace overlaps an input");
    wrong_room("a workspace over a weight", w, 1, "workspace overlaps an input or a weight");
    wrong_room("a workspace over an output", d.data() - 1, 5, "overlaps the workspace");
    wrong_room("a workspace within an output", c.data() + 3, 4, "overlaps the workspace");
    layer.workspace = {};
    CHECK(layer.run(nullptr, nullptr, 0));
    CHECK(layer.run(nullptr, nullptr).code == Code::invalid_argument);
    REQUIRE(ok(layer.run(in, out, 4), layer));
    CHECK(c.broken() == "");
    CHECK(d.broken() == "");
    layer.workspace = { d.data(), d.size() * sizeof(float) };   // between two runs that are alike
    CHECK(layer.run(in, out, 4).code == Code::invalid_argument);
    layer.workspace = {};
    REQUIRE(ok(layer.run(in, out, 4), layer));
}

TEST_CASE("workspaces between two runs of machine code alone") {
    CompilerGraph g;
    g.output(g.op(OpKind::relu, g.add(g.input({ any_rows, 64 }), g.weight("w", { 64 }))));
    CompiledLayer layer;
    REQUIRE(ok(layer.compile(g, DeviceProfile::host()), layer));
    const Floats x(128, 1.0f), w(64, 2.0f);
    Floats y(128), room(1000);
    REQUIRE(layer.bind("w", w.data()));
    for (int i = 0; i < 3; i++) {
        layer.workspace = { room.data(), room.size() * sizeof(float) };
        for (int again = 0; again < 3; again++) REQUIRE(ok(layer.run(x.data(), y.data(), 2), layer));
        CHECK(y[127] == 3);
        y[127] = 0;
        layer.workspace.data = y.data() + 127;
        CHECK(layer.run(x.data(), y.data(), 2).code == Code::invalid_argument);
        CHECK(y[127] == 0);
    }
}

TEST_CASE("out of memory, at every allocation") {
    const long before = allocations();
    for (long n = 0, done = 0; !done; n++) {
        REQUIRE(n < 1000);
        fail_allocations_after(n);
        {
            CompilerGraph g;
            build_mlp(g);
            CompiledLayer layer;
            Status s = layer.compile(g, DeviceProfile::host());
            if (!s) CHECK(s.code == Code::out_of_memory);
            static const std::vector<float> x(2 * 256, 0.5f), w1(512 * 256, 0.01f), b1(512, 0.1f), norm(256, 1.0f);
            static const Bytes w2(gllm::row_bytes(QuantType::Q4_K, 512) * 256);
            Fenced<float> out(2 * 256);
            if (s) {
                const Status bound = layer.bind("w1", w1.data());
                if (!bound) CHECK(bound.code == Code::out_of_memory);
                layer.bind("b1", b1.data()), layer.bind("w2", w2.data()), layer.bind("norm", norm.data());
                const void* in[] = { x.data() };
                void* outs[] = { out.data() };
                s = layer.run(in, outs, 2);
                if (!s) { CHECK(s.code == (bound ? Code::out_of_memory : Code::invalid_argument)); CHECK(out.untouched()); }
                else done = 1;
            }
        }
        fail_allocations(false);
        REQUIRE(allocations() == before);
        REQUIRE(overruns() == 0);
    }
}

// ---- attention over a cache of keys and values ------------------------------------------------------------------

/// What is asked of two layers, and of whose tokens the rows are.
struct Attended {
    size_t head_dim, kv_heads, heads, window;
    float  scale, softcap;
    bool   sinks;
    gllm::CacheType type;
};
static const Attended ATTENDED[] = {
    { 64, 2, 6, 0, 0, 0, false, gllm::CacheType::f32 },   { 8, 1, 1, 3, 0.25f, 0, true, gllm::CacheType::f16 },
    { 32, 3, 3, 20, 0, 5, true, gllm::CacheType::Q8_0 },  { 24, 2, 16, 0, 0.1f, 2, false, gllm::CacheType::bf16 },
};
static gllm::CachedAttention of_layer(const Attended& a, size_t layer) {
    gllm::CachedAttention c;
    c.head_dim = a.head_dim, c.kv_heads = a.kv_heads, c.layer = layer, c.window = a.window;
    c.scale = a.scale, c.softcap = a.softcap;
    return c;
}
static Status make_cache(gllm::KvCache& cache, const Attended& a, size_t pages = 400) {
    gllm::KvCacheConfig c;
    c.layers = 4, c.kv_heads = a.kv_heads, c.head_dim = a.head_dim, c.sequences = 3, c.pages = pages;
    c.key_type = c.value_type = a.type;
    return cache.init(c);
}
/// y = attention(q / 2, 2 k, v) of layer 1, z = attention(y + q, -k, v) of layer 0; out y z.
static void build_attended(CompilerGraph& g, const Attended& a, size_t rows) {
    const TensorRef q = g.input({ rows, a.heads * a.head_dim }, DType::f32, "q"), k = g.input({ rows, a.kv_heads * a.head_dim }, DType::f16),
                    v = g.input({ rows, a.kv_heads * a.head_dim }), sinks = a.sinks ? g.weight("sinks", { a.heads }) : TensorRef{};
    const TensorRef y = g.attention(g.scale(q, 0.5f), g.scale(k, 2), v, of_layer(a, 1), sinks);
    const TensorRef z = g.attention(g.add(y, q), g.op(OpKind::neg, k), v, of_layer(a, 0), sinks);
    g.output(g.mul(y, z));
}
/// A token at a time: attention gives the same bits however queries are shared among calls.
static void attend_alone(K k, gllm::KvCache& cache, const Attended& a, size_t layer, size_t seq, const float* q, const float* key,
                         const float* value, const float* sinks, float* out) {
    gllm::AttentionArgs<float> args;
    REQUIRE(cache.append(seq, layer, key, value, 1));
    args.kv = cache.view(seq, layer);
    args.q = q, args.out = out, args.m = 1, args.heads = a.heads, args.position = args.kv.length - 1;
    args.window = a.window, args.scale = a.scale, args.softcap = a.softcap, args.sinks = sinks;
    REQUIRE(k.attention(args));
}
struct AttendedRows { Floats q, v, sinks; std::vector<gllm::f16> k; std::vector<uint32_t> sequences; };
static AttendedRows draw_rows(Rng& rng, const Attended& a, size_t rows, unsigned mixed) {
    AttendedRows d;
    d.q = draw<float>(rng, rows * a.heads * a.head_dim), d.v = draw<float>(rng, rows * a.kv_heads * a.head_dim);
    d.k = draw<gllm::f16>(rng, rows * a.kv_heads * a.head_dim), d.sinks = draw<float>(rng, a.heads);
    for (float& x : d.q) x = std::fmod(x, 4.0f);
    for (gllm::f16& x : d.k) x = gllm::Element<gllm::f16>::from_f32(std::fmod(gllm::Element<gllm::f16>::to_f32(x), 4.0f));
    for (size_t i = 0; i < rows; i++) d.sequences.push_back(uint32_t(mixed ? rng.below(mixed) : 2));
    return d;
}
static Floats by_tokens(K k, gllm::KvCache& cache, const Attended& a, const AttendedRows& d, size_t base) {
    const size_t width = a.heads * a.head_dim, kv = a.kv_heads * a.head_dim, rows = d.sequences.size();
    Floats out(rows * width), q(width), key(kv), other(kv), y(width), z(width);
    for (size_t r = 0; r < rows; r++) {
        const float *x = &d.q[r * width], *v = &d.v[r * kv], *sinks = a.sinks ? d.sinks.data() : nullptr;
        for (size_t i = 0; i < width; i++) q[i] = x[i] * 0.5f;
        for (size_t i = 0; i < kv; i++) key[i] = 2 * gllm::Element<gllm::f16>::to_f32(d.k[r * kv + i]), other[i] = -key[i] / 2;
        attend_alone(k, cache, a, base + 1, d.sequences[r], q.data(), key.data(), v, sinks, y.data());
        k.vec_add(y.data(), x, q.data(), width);
        attend_alone(k, cache, a, base, d.sequences[r], q.data(), other.data(), v, sinks, z.data());
        k.vec_mul(y.data(), z.data(), &out[r * width], width);
    }
    return out;
}

TEST_CASE("attention over a cache, of one sequence and of several, in one run and in many") {
    for_each_isa<float>([](K k, const char* isa) {
        for (const Attended& a : ATTENDED)
            for (bool one_by_one : { false, true }) {
                INFO(text(isa) << ", head_dim " << a.head_dim << ", seed " << seed());
                Rng rng(a.head_dim + one_by_one);
                DeviceProfile profile = DeviceProfile::host();
                profile.isa = k.isa();
                for (Way& way : ways(rng)) {
                    CompilerGraph g;
                    build_attended(g, a, any_rows);
                    CompiledLayer layer;
                    gllm::KvCache cache, alone;
                    if (one_by_one) way.options.in_place = false;
                    REQUIRE(ok(layer.compile(g, profile, way.options), layer));
                    REQUIRE(make_cache(cache, a));
                    REQUIRE(make_cache(alone, a));
                    layer.parallel = way.parallel;
                    INFO(text(way.name) << "\n" << as_text(layer, false));
                    const size_t base = one_by_one ? 2 : 0, most = small() ? 40 : 150;
                    for (size_t turn = 0; turn < (one_by_one ? 6u : 3u); turn++) {
                        const size_t rows = one_by_one ? 1 : 1 + rng.below(most);
                        const AttendedRows d = draw_rows(rng, a, rows, turn ? 3 : 0);
                        const Floats want = by_tokens(k, alone, a, d, base);
                        const void* in[] = { d.q.data(), d.k.data(), d.v.data() };
                        Fenced<float> out(want.size());
                        void* outs[] = { out.data() };
                        if (a.sinks) REQUIRE(layer.bind("sinks", d.sinks.data()));
                        const size_t scratch = layer.scratch_bytes(rows, (turn + 1) * most);
                        check_buffers(layer);
                        Guarded<uint8_t> room(scratch);
                        layer.workspace.data = room.data(), layer.workspace.bytes = scratch;
                        const long before = allocations_ever();
                        REQUIRE(ok(layer.run(in, outs, rows, { &cache, d.sequences.data(), base }), layer));
                        CHECK(allocations_ever() == before);
                        const std::string wrong = differ(out.data(), want.data(), want.size());
                        CHECK_MESSAGE(wrong.empty(), wrong);
                        CHECK(out.broken() == "");
                        for (size_t seq = 0; seq < 3; seq++) CHECK(cache.view(seq, base).length == alone.view(seq, base).length);
                    }
                }
            }
    });
}

TEST_CASE("attention to what a cache has already") {
    for_each_isa<float>([](K k, const char* isa) {
        for (const Attended& a : ATTENDED) {
            INFO(text(isa) << ", head_dim " << a.head_dim);
            Rng rng(a.head_dim);
            const size_t width = a.heads * a.head_dim, kv = a.kv_heads * a.head_dim, rows = 21;
            DeviceProfile profile = DeviceProfile::host();
            profile.isa = k.isa();
            const AttendedRows d = draw_rows(rng, a, rows, 2);
            Floats keys(rows * kv), want(rows * width);
            for (size_t i = 0; i < keys.size(); i++) keys[i] = gllm::Element<gllm::f16>::to_f32(d.k[i]);
            gllm::KvCache cache;
            REQUIRE(make_cache(cache, a));
            for (size_t r = 0; r < rows; r++)
                attend_alone(k, cache, a, 3, d.sequences[r], &d.q[r * width], &keys[r * kv], &d.v[r * kv],
                             a.sinks ? d.sinks.data() : nullptr, &want[r * width]);
            CompilerGraph g;
            g.output(g.attention(g.input({ any_rows, width }), {}, {}, of_layer(a, 3),
                                 a.sinks ? g.weight("sinks", { a.heads }) : TensorRef{}));
            CompiledLayer layer;
            REQUIRE(ok(layer.compile(g, profile), layer));
            if (a.sinks) REQUIRE(layer.bind("sinks", d.sinks.data()));
            Fenced<float> out(rows * width);
            REQUIRE(ok(layer.run(d.q.data(), out.data(), rows, { &cache, d.sequences.data(), 0 }), layer));
            const std::string wrong = differ(out.data(), want.data(), want.size());
            CHECK_MESSAGE(wrong.empty(), wrong);
            const std::vector<uint32_t> too_many(rows, 0);
            CHECK(layer.run(d.q.data(), out.data(), rows, { &cache, too_many.data(), 0 }).code == Code::invalid_argument);
            CHECK(text(layer.message()).find("fewer tokens") != std::string::npos);
        }
    });
}

TEST_CASE("attention that is malformed, or has no cache of its shape") {
    using G = CompilerGraph&;
    const Attended a = ATTENDED[0];
    const auto with = [&](size_t head_dim, size_t kv_heads, float softcap = 0) {
        gllm::CachedAttention c = of_layer(a, 0);
        c.head_dim = head_dim, c.kv_heads = kv_heads, c.softcap = softcap;
        return c;
    };
    const auto one = [&](const char* what, const gllm::CachedAttention& c, size_t q, size_t k, const char* part, size_t rows = any_rows) {
        refused(what, [&](G g) { g.output(g.attention(g.input({ any_rows, q }), g.input({ rows, k }), g.input({ rows, k }), c)); },
                part, "node 3 (attention)");
    };
    one("head_dim of 0", with(0, 2), 64, 32, "multiple of 8");
    one("head_dim of 12", with(12, 2), 48, 24, "multiple of 8");
    one("head_dim of 584", with(584, 1), 584, 584, "multiple of 8");
    one("ragged queries", with(16, 2), 40, 32, "whole heads");
    one("no keys", with(16, 0), 64, 32, "whole heads");
    one("three heads of two", with(16, 2), 48, 32, "whole heads");
    one("more keys than queries", with(16, 4), 32, 64, "whole heads");
    one("keys of other heads", with(16, 2), 64, 48, "as many rows");
    one("keys of other rows", with(16, 2), 64, 32, "as many rows", 3);
    one("softcap", with(16, 2, -1), 64, 32, "softcap");
    one("softcap that is none", with(16, 2, std::nanf("")), 64, 32, "softcap");
    refused("sinks", [&](G g) { g.output(g.attention(g.input({ 3, 64 }), {}, {}, with(16, 2), g.weight("s", { 3 }))); }, "sinks", "attention");
    refused("keys of blocks", [&](G g) {
        const TensorRef w = g.quant_weight("w", QuantType::Q8_0, 2, 32);
        g.output(g.attention(g.input({ 2, 64 }), w, w, with(16, 2)));
    }, "no operands", "attention");
    refused("keys without values", [&](G g) {
        g.output(g.attention(g.input({ 2, 64 }), g.input({ 2, 32 }), {}, with(16, 2)));
    }, "sinks", "attention");
    refused("a layer twice", [&](G g) {
        const TensorRef q = g.input({ any_rows, 64 });
        g.output(g.attention(g.attention(q, {}, {}, with(16, 2)), {}, {}, with(16, 2)));
    }, "another attention", "node 2 (attention)");

    CompilerGraph g;
    build_attended(g, a, any_rows);
    CompiledLayer layer;
    REQUIRE(ok(layer.compile(g, DeviceProfile::host()), layer));
    Rng rng(1);
    AttendedRows d = draw_rows(rng, a, 20, 2);
    Fenced<float> out(d.q.size());
    const void* in[] = { d.q.data(), d.k.data(), d.v.data() };
    void* outs[] = { out.data() };
    const auto wrong = [&](gllm::KvCache* cache, size_t base, Code code, const char* part) {
        const Status s = layer.run(in, outs, 20, { cache, d.sequences.data(), base });
        CHECK(s.code == code);
        CHECK_MESSAGE(text(layer.message()).find(part) != std::string::npos, text(layer.message()));
        CHECK(text(layer.message()).find("(attention): ") != std::string::npos);
        CHECK(out.untouched());
    };
    gllm::KvCache none, other, narrow, full, cache;
    Attended b = a;
    b.kv_heads = 1;
    REQUIRE(make_cache(other, b));
    REQUIRE(make_cache(full, a, 4));
    REQUIRE(make_cache(cache, a));
    wrong(nullptr, 0, Code::invalid_argument, "with a cache");
    wrong(&none, 0, Code::invalid_argument, "other heads");
    wrong(&other, 0, Code::invalid_argument, "other heads");
    wrong(&cache, 3, Code::invalid_argument, "this layer");
    wrong(&cache, SIZE_MAX, Code::invalid_argument, "this layer");
    wrong(&full, 0, Code::out_of_memory, "pages");
    d.sequences[7] = 3;
    wrong(&cache, 0, Code::invalid_argument, "this sequence");
    for (size_t seq = 0; seq < 3; seq++) CHECK(cache.view(seq, 1).length == 0);
    CHECK(layer.scratch_bytes(SIZE_MAX / 8192) == 0);
    CHECK(layer.scratch_bytes(1, SIZE_MAX) == 0);
    CHECK(layer.run(in, outs, 0, { &cache, nullptr, 0 }));
}

/// A llama layer of this width with Q4_K weights, as models write theirs.
static void build_llama(CompilerGraph& g, size_t width, size_t hidden, size_t heads, size_t kv_heads) {
    const size_t dim = width / heads;
    const auto by = [&](TensorRef in, const char* name, size_t n, size_t k) {
        return g.matmul_t(in, g.quant_weight(name, QuantType::Q4_K, n, k));
    };
    const TensorRef x = g.input({ any_rows, width }), c = g.input({ any_rows, dim / 2 }), s = g.input({ any_rows, dim / 2 });
    const TensorRef h = g.rms_norm(x, g.weight("attn_norm", { width }), 1e-5f);
    const TensorRef q = g.rope(by(h, "q", width, width), c, s, dim, RopeStyle::half);
    const TensorRef k = g.rope(by(h, "k", kv_heads * dim, width), c, s, dim, RopeStyle::half);
    gllm::CachedAttention a;
    a.head_dim = dim, a.kv_heads = kv_heads;
    const TensorRef heard = g.attention(q, k, by(h, "v", kv_heads * dim, width), a);
    const TensorRef y = g.add(x, by(heard, "out", width, width)), f = g.rms_norm(y, g.weight("ffn_norm", { width }), 1e-5f);
    const TensorRef gated = g.swiglu(by(f, "gate", hidden, width), by(f, "up", hidden, width));
    g.output(g.add(y, by(gated, "down", width, hidden)));
}

TEST_CASE("scratch of a llama layer is at most 60 % of its intermediates") {
    CompilerGraph g;
    build_llama(g, 2048, 5632, 32, 8);
    CompiledLayer layer;
    REQUIRE(ok(layer.compile(g, DeviceProfile::host()), layer));
    for (size_t rows : { size_t(64), size_t(256), size_t(512) }) {
        const size_t scratch = layer.scratch_bytes(rows, 100);
        size_t values = 0, all = 0;
        for (const gllm::SemanticNode& n : layer.dag()->nodes)
            if (n.inputs) values += rows * n.desc.cols * sizeof(float);
        values -= rows * 2048 * sizeof(float);                          // the output
        for (const BufferAlloc& b : layer.buffers()->allocs) all += b.bytes;
        INFO(rows << " rows: " << scratch << " of " << values << " bytes of values, of " << all << " of all buffers");
        CHECK(scratch > 0);
        CHECK(double(scratch) <= 0.6 * double(values));
    }
}

TEST_CASE("quantised products that share an input prepare it once") {
    for_each_isa<float>([](K k, const char*) {
        for (size_t rows : { size_t(1), size_t(5), size_t(70) }) {
            if (small() && rows > 5) continue;
            CompilerGraph g;
            const TensorRef x = g.op(OpKind::neg, g.input({ any_rows, 256 }));
            const auto by = [&](TensorRef in, const char* name, QuantType type, size_t n) {
                return g.matmul_t(in, g.quant_weight(name, type, n, 256));
            };
            const TensorRef q = by(x, "q", QuantType::Q4_K, 33), v = by(x, "v", QuantType::Q6_K, 33), s = by(x, "s", QuantType::Q8_0, 256);
            g.output(g.mul(q, v));
            g.output(by(g.op(OpKind::tanh, s), "alone", QuantType::Q5_1, 9));
            g.output(by(g.input({ any_rows, 256 }), "other", QuantType::IQ4_XS, 9));
            Rng rng(rows);
            check_graph(k, g, rows, rng);
            CompiledLayer layer;
            DeviceProfile profile = DeviceProfile::host();
            profile.isa = k.isa();
            REQUIRE(ok(layer.compile(g, profile), layer));
            size_t prepared = 0;
            for (const BufferAlloc& a : layer.buffers()->allocs) prepared += a.use == gllm::BufferUse::prepared;
            CHECK(prepared == 1);
        }
    });
}

TEST_CASE("blocks that are bound packed as well") {
    for_each_isa<float>([](K k, const char*) {
        const QuantType types[] = { QuantType::Q4_K, QuantType::Q8_K, QuantType::Q6_K };
        const size_t n = 40, cols = 512, NO_FORM = 256;
        const bool has_form = k.packed_weights_bytes(types[0], n, cols) != 0;
        Rng rng(31);
        CompilerGraph g;
        const TensorRef x = g.input({ any_rows, cols });
        std::vector<Bytes> blocks, packed;
        const char* const names[] = { "a", "b", "c" };
        for (size_t i = 0; i < 3; i++) {
            g.output(g.matmul_t(x, g.quant_weight(names[i], types[i], n, cols)));
            blocks.push_back(quant::make_rows(rng, types[i], n, cols));
            packed.emplace_back(k.packed_weights_bytes(types[i], n, cols) + NO_FORM);    // room for a tag, if wrong
            if (packed[i].size() > NO_FORM) REQUIRE(k.pack_weights(types[i], blocks[i].data(), packed[i].data(), n, cols));
        }
        g.output(g.matmul_t(g.slice(x, 0, 6), g.weight("f", { 4, 6 })));
        DeviceProfile profile = DeviceProfile::host();
        profile.isa = k.isa();
        CompiledLayer layer;
        CHECK(layer.bind_packed("a", packed[0].data()).code == Code::invalid_argument);
        REQUIRE(ok(layer.compile(g, profile), layer));
        const std::vector<float> f(24);
        REQUIRE(layer.bind("f", f.data()));
        for (size_t i = 0; i < 3; i++) REQUIRE(layer.bind(names[i], blocks[i].data()));
        CHECK(layer.bind_packed("d", packed[0].data()).code == Code::invalid_argument);
        CHECK(layer.bind_packed("f", packed[0].data()).code == Code::invalid_argument);
        CHECK(layer.bind_packed("a", nullptr).code == Code::invalid_argument);
        CHECK(layer.bind_packed("a", blocks[0].data()).code == Code::invalid_argument);
        CHECK(layer.bind_packed("a", packed[2].data()).code == Code::invalid_argument);
        if (has_form) {
            const std::vector<float> in(cols);
            std::vector<float> others(n * 3);
            const void* inputs[] = { in.data() };
            void* outputs[] = { packed[0].data() + 128, &others[0], &others[n], &others[2 * n] };
            REQUIRE(layer.bind_packed("a", packed[0].data()));
            CHECK(layer.run(inputs, outputs).code == Code::invalid_argument);
            CHECK(text(layer.message()).find("overlaps an input or a weight") != std::string::npos);
            REQUIRE(layer.bind("a", blocks[0].data()));
        }
        for (int round = 0; round < 3; round++) {               // as blocks, packed in part, as blocks again
            for (size_t i = 0; i < 3; i++) {
                if (round == 1 && packed[i].size() > NO_FORM) REQUIRE(layer.bind_packed(names[i], packed[i].data()));
                if (round == 2) REQUIRE(layer.bind(names[i], blocks[i].data()));
            }
            for (size_t rows : { size_t(1), size_t(16), size_t(17), size_t(3) }) {
                std::vector<float> in(rows * cols), want(rows * n), last(rows * 4);
                for (float& v : in) v = float(rng.gaussian());
                std::vector<float> got[3];
                for (auto& y : got) y.resize(rows * n);
                const void* inputs[] = { in.data() };
                void* outputs[] = { got[0].data(), got[1].data(), got[2].data(), last.data() };
                REQUIRE(ok(layer.run(inputs, outputs, rows), layer));
                for (size_t i = 0; i < 3; i++) {
                    const bool strips = round == 1 && rows <= 16 && has_form && types[i] != QuantType::Q8_K;
                    REQUIRE(bool(strips ? k.matmul_packed(packed[i].data(), in.data(), want.data(), rows, n, cols)
                                        : k.matmul(types[i], blocks[i].data(), in.data(), want.data(), rows, n, cols)));
                    const std::string wrong = differ(static_cast<const float*>(got[i].data()), want.data(), rows * n);
                    CHECK_MESSAGE(wrong.empty(), names[i] << " of " << rows << " rows, round " << round << ": " << wrong);
                }
            }
        }
    });
}

// ---- the cache of layers -----------------------------------------------------------------------------------

/// x -> gelu(x w + b), what of it is asked.
struct Asked { size_t cols = 8; const char* name = "w"; float scale = 2; OpKind kind = OpKind::gelu; const char* user = nullptr; DType out = DType::f32; };
static void build_asked(CompilerGraph& g, const Asked& a) {
    TensorRef x = g.scale(g.matmul(g.input({ any_rows, 4 }), g.weight(a.name, { 4, a.cols })), a.scale);
    if (a.user) x = g.op(registry().find(a.user), x);
    g.output(g.op(a.kind, x), a.out);
}
static CompiledLayer* take(gllm::CompilationCache& cache, const Asked& a, const CompileOptions& o = {}, bool other_profile = false) {
    CompilerGraph g;
    build_asked(g, a);
    DeviceProfile p = DeviceProfile::host();
    p.l2_bytes += other_profile;
    CompiledLayer* layer = nullptr;
    CHECK(cache.take(g, p, &layer, o));
    REQUIRE(layer != nullptr);
    return layer;
}

TEST_CASE("a cache of layers finds what is the same, and nothing else") {
    registry();
    const long before = allocations();
    {
        gllm::CompilationCache cache;
        CompiledLayer* const first = take(cache, {});
        CompiledLayer* const second = take(cache, {});          // somebody has the first
        CHECK(first != second);
        cache.give_back(first);
        CHECK(take(cache, {}) == first);
        cache.give_back(first), cache.give_back(second), cache.give_back(nullptr);
        CompileOptions off, fast;
        off.row_bands = false;
        fast.precision = gllm::Precision::fast;
        std::vector<Asked> others(6);
        others[0].cols = 9, others[1].name = "v", others[2].scale = -2, others[3].kind = OpKind::relu;
        others[4].user = "softsign", others[5].out = DType::f16;
        std::set<CompiledLayer*> taken = { first, second };
        for (const Asked& a : others) taken.insert(take(cache, a));
        for (const CompileOptions& o : { off, fast }) taken.insert(take(cache, {}, o));
        taken.insert(take(cache, {}, {}, true));
        CHECK(taken.size() == 11);
        CHECK(cache.size() == 11);
    }
    {
        gllm::CompilationCache cache(3);
        std::vector<CompiledLayer*> taken;
        for (size_t cols = 1; cols < 7; cols++) {
            Asked a;
            a.cols = cols;
            taken.push_back(take(cache, a));
        }
        CHECK(cache.size() == 6);                               // all of them are in use
        for (CompiledLayer* l : taken) cache.give_back(l);
        CHECK(cache.size() == 3);
        Asked last;
        last.cols = 6;
        CHECK(take(cache, last) == taken.back());
        cache.give_back(taken.back());
        CompilerGraph wrong;
        wrong.input({ 3 });
        CompiledLayer* none = taken.back();
        CHECK(cache.take(wrong, DeviceProfile::host(), &none).code == Code::compile_error);
        CHECK(cache.take(wrong, DeviceProfile::host(), nullptr).code == Code::invalid_argument);
        CHECK(none == nullptr);
        CHECK(cache.size() == 3);
    }
    CHECK(allocations() == before);
    for (long n = 0, done = 0; !done; n++) {
        REQUIRE(n < 1000);
        CompilerGraph g;
        build_asked(g, {});
        fail_allocations_after(n);
        {
            gllm::CompilationCache cache;
            CompiledLayer* layer = nullptr;
            const Status s = cache.take(g, DeviceProfile::host(), &layer);
            done = bool(s);
            if (!s) CHECK((s.code == Code::out_of_memory && layer == nullptr));
            cache.give_back(layer);
        }
        fail_allocations(false);
    }
    CHECK(allocations() == before);
}

struct CacheUser { gllm::CompilationCache* cache; std::atomic<int> wrong; };
TEST_CASE("threads take layers from one cache") {
    registry();
    gllm::CompilationCache cache(2);
    gllm::ThreadPool pool(4);
    CacheUser user;
    user.cache = &cache;
    user.wrong = 0;
    const gllm::Parallel p = pool.parallel();
    const auto task = [](void* arg, unsigned i) {
        CacheUser& u = *static_cast<CacheUser*>(arg);
        const float w[32] = { 1 }, x[4] = { 3, 0, 0, 0 };
        for (int n = 0; n < (small() ? 20 : 200); n++) {
            CompilerGraph g;
            Asked a;
            a.kind = OpKind::relu;
            a.scale = float(1 + (i + unsigned(n)) % 3);
            build_asked(g, a);
            CompiledLayer* layer = nullptr;
            float out[8] = {};
            if (!u.cache->take(g, DeviceProfile::host(), &layer) || !layer->bind("w", w) || !layer->run(x, out)) u.wrong++;
            u.wrong += out[0] != 3 * a.scale || out[1] != 0;
            u.cache->give_back(layer);
        }
    };
    if (p.run) p.run(p.pool, 4, task, &user);
    else for (unsigned i = 0; i < 4; i++) task(&user, i);
    CHECK(user.wrong == 0);
    CHECK(cache.size() <= 2);
}

// ---- text ------------------------------------------------------------------------------------------------

/// Enough of the language for what dot() writes: statements of a digraph and its subgraphs. Empty, or what is wrong.
static std::string check_dot(const std::string& s, std::set<std::string>* nodes, std::set<std::string>* edges) {
    size_t at = 0;
    const auto space = [&] { while (at < s.size() && std::isspace(static_cast<unsigned char>(s[at]))) at++; };
    const auto word = [&] {
        space();
        std::string w;
        while (at < s.size() && (std::isalnum(static_cast<unsigned char>(s[at])) || s[at] == '_')) w += s[at++];
        return w;
    };
    const auto eat = [&](const char* t) {
        space();
        const size_t n = std::strlen(t);
        const bool found = s.compare(at, n, t) == 0;
        if (found) at += n;
        return found;
    };
    const auto value = [&] {                                    // a word or a string
        if (!eat("\"")) return !word().empty();
        while (at < s.size() && s[at] != '"') {
            if (s[at] < ' ' || s[at] > '~') return false;
            at += s[at] == '\\' ? 2 : 1;
        }
        return eat("\"");
    };
    if (word() != "digraph" || word().empty() || !eat("{")) return "no digraph";
    for (int depth = 1; depth;) {
        if (eat("}")) { depth--; continue; }
        const std::string w = word();
        if (w.empty()) return "no statement at " + std::to_string(at);
        if (w == "subgraph") { if (word().compare(0, 8, "cluster_") != 0 || !eat("{")) return "no cluster"; depth++; continue; }
        if (eat("->")) {
            const std::string to = word();
            if (!nodes->count(w) || !nodes->count(to)) return "an edge of unknown nodes";
            edges->insert(w + ">" + to);
        }
        else if (eat("=")) { if (!value()) return "no value"; }
        else if (eat("[")) {
            do if (word().empty() || !eat("=") || !value()) return "no attribute at " + std::to_string(at); while (eat(","));
            if (!eat("]")) return "no ]";
            if (w != "node" && !nodes->insert(w).second) return "a node twice";
        }
        else if (!nodes->count(w)) return "unknown node " + w;
        if (!eat(";")) return "no ; at " + std::to_string(at);
    }
    space();
    return at == s.size() ? "" : "text behind the end";
}

TEST_CASE("describe and dot") {
    CompilerGraph g;
    build_mlp(g);
    g.output(g.op(OpKind::exp, g.input({ any_rows, 3 }, DType::f16, "a \"name\"\\ \n of any kind")));
    CompiledLayer layer;
    CHECK(as_text(layer, false).empty());
    CHECK(as_text(layer, true).empty());
    CHECK(registry().find(static_cast<const char*>(nullptr)) == nullptr);
    REQUIRE(ok(layer.compile(g, DeviceProfile::host()), layer));
    layer.describe(nullptr, nullptr);                           // to nobody
    layer.dot(nullptr, nullptr);
    const std::string told = as_text(layer, false), dot = as_text(layer, true);
    INFO(told);
    for (const char* part :
         { "loop_fusion", "kernel_call", "gelu", "rms_norm", "[rows][512] f32", "to output 0", "workspace", "scratch: " })
        CHECK_MESSAGE(told.find(part) != std::string::npos, text(part));
    for (char c : told) CHECK((c == '\n' || (c >= ' ' && c <= '~')));
    std::set<std::string> nodes, edges;
    INFO(dot);
    CHECK(check_dot(dot, &nodes, &edges) == "");
    CHECK(nodes.size() == layer.dag()->nodes.size());
    size_t reads = 0;
    for (const gllm::SemanticNode& n : layer.dag()->nodes) reads += n.inputs;
    CHECK(edges.size() == reads);
    CHECK(dot.find("Q4_K") != std::string::npos);
}
