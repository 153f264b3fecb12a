// attention: catches errors beyond the bound for every type of a cache and every option, bits that depend on threads, on how a
// prompt is split into calls or on what a query does not see, reads past plain arrays and pages, scratch beyond what was
// promised, and arguments that should have been refused. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "harness.hpp"

#include <algorithm>
#include <memory>

using namespace oracle;
using namespace test;
using gllm::AttentionArgs;
using gllm::CacheType;
using gllm::CpuKernels;
using gllm::KvView;
using gllm::Status;

constexpr CacheType TYPES[] = { CacheType::f32, CacheType::f16, CacheType::bf16, CacheType::Q8_0 };
constexpr size_t PAGE = 16;

static const char* type_name(CacheType t) {
    static const char* const names[] = { "f32", "f16", "bf16", "Q8_0" };
    return names[int(t)];
}
static size_t row_bytes(CacheType t, size_t d) {
    return t == CacheType::f32 ? 4 * d : t == CacheType::Q8_0 ? d / 32 * 34 : 2 * d;
}

// ---- a cache: what it holds in double, and both of its layouts ----------------

/// Keys or values of [tokens][kv_heads], rows as plain arrays have them.
struct Side {
    CacheType type;
    size_t tokens, kv, d;
    std::vector<uint8_t> rows;
    std::vector<double>  value;
    Side(Rng& rng, CacheType t, size_t tokens_, size_t kv_, size_t d_, double size = 1)
        : type(t), tokens(tokens_), kv(kv_), d(d_), rows(tokens * kv * row_bytes(t, d)), value(tokens * kv * d) {
        for (size_t r = 0; r < tokens * kv; r++)
            for (size_t j = 0; j < d; j += 32) {
                if (t == CacheType::Q8_0) put_scale(r, j / 32, size * rng.uniform(0.2, 1) / 60);
                for (size_t i = j; i < std::min(d, j + 32); i++)
                    set(r, i, t == CacheType::Q8_0 ? double(rng.below(256)) - 128 : size * rng.gaussian());
            }
    }
    uint8_t* row(size_t r) { return rows.data() + r * row_bytes(type, d); }
    const uint8_t* row(size_t r) const { return rows.data() + r * row_bytes(type, d); }
    template <class E> void put(size_t r, size_t i, double x) {
        const E e = round_to<E>(x);
        std::memcpy(row(r) + i * sizeof(E), &e, sizeof e);
        value[r * d + i] = oracle::value(e);
    }
    void put_scale(size_t r, size_t block, double x) {
        const f16 e = round_to<f16>(x);
        std::memcpy(row(r) + block * 34, &e, 2);
    }
    double scale(size_t r, size_t block) const { f16 e; std::memcpy(&e, row(r) + block * 34, 2); return oracle::value(e); }
    /// Of Q8_0: the code.
    void set(size_t r, size_t i, double x) {
        switch (type) {
            case CacheType::f32:  put<float>(r, i, x); break;
            case CacheType::f16:  put<f16>(r, i, x); break;
            case CacheType::bf16: put<bf16>(r, i, x); break;
            case CacheType::Q8_0:
                row(r)[i / 32 * 34 + 2 + i % 32] = uint8_t(int8_t(x));
                value[r * d + i] = x * scale(r, i / 32);
        }
    }
    /// A whole row of x, by the scale where it is codes.
    void fill(size_t r, double x) {
        for (size_t i = 0; i < d; i++) {
            if (type == CacheType::Q8_0 && i % 32 == 0) put_scale(r, i / 32, x);
            set(r, i, type == CacheType::Q8_0 ? 1 : x);
        }
    }
};

/// A layout of some first tokens of both sides, pushed against a page that faults. What it holds behind them is NaN.
struct Laid {
    std::unique_ptr<Guarded<uint8_t>> keys, values;
    std::vector<uint32_t> pages;
    KvView view;
    Laid(const Side& k, const Side& v, size_t length, bool paged, uint64_t stream = 1) {
        Rng rng(stream);
        view.kv_heads = k.kv;
        view.head_dim = k.d;
        view.length   = length;
        view.keys.type   = k.type;
        view.values.type = v.type;
        if (paged) page(rng, k, v);
        else {
            const bool by_head = rng.bits() & 1;
            keys   = plain(k, by_head, &view.keys);
            values = plain(v, !by_head, &view.values);
        }
    }
private:
    std::unique_ptr<Guarded<uint8_t>> plain(const Side& s, bool by_head, gllm::KvRows* rows) const {
        const size_t row = row_bytes(s.type, s.d), gap = by_head ? 0 : s.type == CacheType::f32 ? 12 : 6, n = view.length;
        rows->token_stride = by_head ? row : s.kv * row + gap;
        rows->head_stride  = by_head ? n * row : row;
        const size_t bytes = n ? (n - 1) * rows->token_stride + (s.kv - 1) * rows->head_stride + row : 0;
        std::unique_ptr<Guarded<uint8_t>> to(new Guarded<uint8_t>(bytes));
        std::memset(to->data(), 0xff, bytes);
        for (size_t t = 0; t < n; t++)
            for (size_t h = 0; h < s.kv; h++)
                std::memcpy(to->data() + t * rows->token_stride + h * rows->head_stride, s.row(t * s.kv + h), row);
        rows->data = to->data();
        return to;
    }
    void page(Rng& rng, const Side& k, const Side& v) {
        const size_t n = (view.length + PAGE - 1) / PAGE, key_row = row_bytes(k.type, k.d), value_row = row_bytes(v.type, v.d);
        const size_t values_at = (k.kv * PAGE * key_row + 63) / 64 * 64;
        view.page_stride = values_at + (v.kv * PAGE * value_row + 63) / 64 * 64;
        keys.reset(new Guarded<uint8_t>(n * view.page_stride));
        std::memset(keys->data(), 0xff, keys->size());
        for (size_t p = 0; p < n; p++) pages.push_back(uint32_t(p));
        for (size_t p = n; p > 1; p--) std::swap(pages[p - 1], pages[rng.below(p)]);
        for (size_t t = 0; t < view.length; t++)
            for (size_t h = 0; h < k.kv; h++) {
                uint8_t* const page = keys->data() + pages[t / PAGE] * view.page_stride;
                std::memcpy(page + values_at + (h * PAGE + t % PAGE) * value_row, v.row(t * v.kv + h), value_row);
                uint8_t* const       to   = page + h * PAGE * key_row;
                const uint8_t* const from = k.row(t * k.kv + h);
                for (size_t i = 0; i < k.d; i++) {
                    if (k.type == CacheType::Q8_0) {
                        to[i * PAGE + t % PAGE] = from[i / 32 * 34 + 2 + i % 32];
                        std::memcpy(to + k.d * PAGE + (i / 32 * PAGE + t % PAGE) * 2, from + i / 32 * 34, 2);
                    } else {
                        const size_t size = k.type == CacheType::f32 ? 4 : 2;
                        std::memcpy(to + (i * PAGE + t % PAGE) * size, from + i * size, size);
                    }
                }
            }
        view.keys.data   = keys->data();
        view.values.data = keys->data() + values_at;
        view.pages       = pages.data();
    }
};

// ---- the truth ----------------------------------------------------------------

struct Options {
    size_t m = 1, heads = 1, position = 0, window = 0;
    bool   causal = true;
    float  scale = 0, softcap = 0;
    std::vector<float> sinks, slopes;
};
template <class E> AttentionArgs<E> args_of(const Options& o, const KvView& kv, const E* q, E* out) {
    AttentionArgs<E> a;
    a.q = q;
    a.out = out;
    a.m = o.m, a.heads = o.heads, a.kv = kv, a.position = o.position, a.causal = o.causal, a.window = o.window;
    a.scale = o.scale, a.softcap = o.softcap;
    a.sinks  = o.sinks.empty() ? nullptr : o.sinks.data();
    a.slopes = o.slopes.empty() ? nullptr : o.slopes.data();
    return a;
}
static bool sees(const Options& o, size_t i, size_t t) {
    const size_t p = o.position + i;
    return (!o.causal || t <= p) && (!o.window || t + o.window > p);
}
/// units: what the error may be, in u (1 + A) max |v|; a negative one in u max |v|.
template <class E> Want truth(const Options& o, const Side& k, const Side& v, size_t length, const std::vector<E>& q, double units = 160) {
    const size_t d = k.d, group = o.heads / k.kv;
    const double scale = o.scale != 0 ? double(o.scale) : 1 / std::sqrt(double(d));
    Want want;
    std::vector<double> s(length), sum(d);
    for (size_t i = 0; i < o.m; i++)
        for (size_t h = 0; h < o.heads; h++) {
            double most = o.sinks.empty() ? -INF : double(o.sinks[h]), A = 0, V = 0, total = 0;
            bool   nan = false;
            for (size_t t = 0; t < length; t++) {
                if (!sees(o, i, t)) continue;
                double dot = 0, size = 0;
                for (size_t j = 0; j < d; j++) {
                    const double term = oracle::value(q[(i * o.heads + h) * d + j]) * k.value[(t * k.kv + h / group) * d + j];
                    dot += term;
                    size += std::fabs(term);
                }
                s[t] = scale * dot;
                double bias = 0;
                if (o.softcap > 0) s[t] = double(o.softcap) * std::tanh(s[t] / double(o.softcap));
                if (!o.slopes.empty()) s[t] += bias = double(o.slopes[h]) * (double(t) - double(o.position + i));
                A = std::max(A, std::fabs(scale) * size + std::fabs(bias));
                nan |= s[t] != s[t] || s[t] == INF;
                most = std::max(most, s[t]);
            }
            std::fill(sum.begin(), sum.end(), 0);
            for (size_t t = 0; t < length; t++) {
                if (!sees(o, i, t)) continue;
                const double p = most == -INF ? 0 : std::exp(s[t] - most);
                total += p;
                for (size_t j = 0; j < d; j++) {
                    const double x = v.value[(t * k.kv + h / group) * d + j];
                    if (p > 0) sum[j] += p * x;
                    V = std::max(V, std::fabs(x));
                }
            }
            if (!o.sinks.empty() && most > -INF) total += std::exp(double(o.sinks[h]) - most);
            for (size_t j = 0; j < d; j++)
                want.add(nan ? QNAN : total > 0 ? sum[j] / total : 0, units < 0 ? -units * U * V : units * U * (1 + A) * V);
        }
    return want;
}

inline void expect_ok(Status s) { CHECK_MESSAGE(s, "refused: " << text(s.what)); }

// ---- against the truth ----------------------------------------------------------

struct Shape { size_t heads, kv, d, m, position, length; };
static std::string text_of(const Shape& s, const Options& o) {
    std::ostringstream t;
    t << "heads " << s.heads << "/" << s.kv << " d " << s.d << " m " << s.m << " at " << s.position << " of " << s.length
      << (o.causal ? " causal" : "") << " window " << o.window << " cap " << o.softcap << (o.sinks.empty() ? "" : " sinks")
      << (o.slopes.empty() ? "" : " slopes");
    return t.str();
}
static Options options_for(Rng& rng, const Shape& s) {
    Options o;
    o.m = s.m, o.heads = s.heads, o.position = s.position;
    o.causal = rng.below(4) != 0;
    if (rng.below(3) == 0) o.window = 1 + rng.below(s.length + 20);
    if (rng.below(3) == 0) o.scale = float(rng.uniform(-0.3, 0.3));
    if (rng.below(3) == 0) o.softcap = float(rng.uniform(0.5, 30));
    if (rng.below(3) == 0) for (size_t h = 0; h < s.heads; h++) o.sinks.push_back(float(rng.gaussian() * 3));
    if (rng.below(3) == 0) for (size_t h = 0; h < s.heads; h++) o.slopes.push_back(float(std::exp2(-rng.uniform(0, 8))));
    return o;
}
static Shape random_shape(Rng& rng, bool codes) {
    const size_t kv = 1 + rng.below(3), group = 1 + rng.below(9), d = (codes ? 32 : 8) * (1 + rng.below(codes ? 4 : 17));
    const size_t length = rng.below(3) ? 1 + rng.below(300) : rng.below(1200), m = rng.below(2) ? 1 + rng.below(5) : 1 + rng.below(70);
    return { kv * group, kv, d, m, rng.below(3) ? (length > m ? length - m : 0) : rng.below(length + 10), length };
}

template <class E>
void check_one(const Shape& s, const Options& o, CacheType kt, CacheType vt, bool paged, uint64_t stream, double units = 160) {
    Rng rng(stream);
    const Side k(rng, kt, s.length, s.kv, s.d), v(rng, vt, s.length, s.kv, s.d);
    const Laid laid(k, v, s.length, paged, stream);
    const std::vector<E> q = draw<E>(rng, s.m * s.heads * s.d);
    const Guarded<E> input(q, stream % 2 ? Edge::begin : Edge::end);
    const std::string at = std::string(type_name(kt)) + "/" + type_name(vt) + (paged ? " pages " : " plain ") + text_of(s, o);
    check_op<E>("attention", at, truth(o, k, v, s.length, q, units),
                [&](const CpuKernels<E>& kernels, E* out) { expect_ok(kernels.attention(args_of(o, laid.view, input.data(), out))); });
}

TEST_CASE_TEMPLATE("attention", E, ELEMENTS) {
    const size_t cases = (std::is_same<E, float>::value ? 64u : 16u) / (small() ? 8 : 1);
    for (size_t c = 0; c < cases; c++) {
        Rng rng(c * 977 + 5);
        const CacheType kt = TYPES[rng.below(4)], vt = TYPES[rng.below(4)];
        const Shape s = random_shape(rng, kt == CacheType::Q8_0 || vt == CacheType::Q8_0);
        check_one<E>(s, options_for(rng, s), kt, vt, c % 3 != 0, c);
    }
}
TEST_CASE("attention of every type, layout and form, within 64 u of ordinary data") {
    for (CacheType kt : TYPES)
        for (CacheType vt : TYPES)
            for (bool paged : { false, true })
                for (size_t m : { 1, 19 }) {
                    const Shape s = { 4, 2, m == 1 ? size_t(128) : size_t(64), m, 700 - m, 700 };
                    Options o;
                    o.m = m, o.heads = s.heads, o.position = s.position;
                    check_one<float>(s, o, kt, vt, paged, m, -64);
                }
    for (size_t d : { 8, 80, 96, 256, 576 }) {
        const Shape s = { 6, 2, d, 7, 90, 97 };
        Options o;
        o.m = s.m, o.heads = s.heads, o.position = s.position;
        check_one<float>(s, o, CacheType::f32, CacheType::f16, true, d, d == 576 ? 160 : -64);
    }
}

// ---- the same bits ----------------------------------------------------------------

/// In the calling thread, last task first.
static void run_backwards(void*, unsigned tasks, void (*task)(void*, unsigned), void* arg) {
    for (unsigned i = tasks; i-- > 0;) task(arg, i);
}

template <class E> std::vector<E> attend(const CpuKernels<E>& k, const Options& o, const KvView& kv, const std::vector<E>& q) {
    std::vector<E> out(q.size());
    expect_ok(k.attention(args_of(o, kv, q.data(), out.data())));
    return out;
}
template <class E> void expect_same(const std::vector<E>& got, const std::vector<E>& want, const std::string& what) {
    const std::string wrong = differ(got.data(), want.data(), want.size());
    CHECK_MESSAGE(wrong.empty(), what << ": " << wrong);
}
/// The same queries in calls of some at a time, each with the tokens there are by then.
template <class E>
std::vector<E> in_calls(const CpuKernels<E>& k, const Options& o, const Side& ks, const Side& vs, size_t length, bool paged,
                        const std::vector<E>& q, size_t each) {
    std::vector<E> out;
    const size_t row = o.heads * ks.d;
    for (size_t i = 0; i < o.m; i += each) {
        Options part = o;
        part.m = std::min(each, o.m - i);
        part.position = o.position + i;
        const size_t seen = o.causal ? std::min(length, part.position + part.m) : length;
        const Laid laid(ks, vs, seen, paged, i + 3);
        const auto some = attend(k, part, laid.view, std::vector<E>(q.begin() + long(i * row), q.begin() + long((i + part.m) * row)));
        out.insert(out.end(), some.begin(), some.end());
    }
    return out;
}

TEST_CASE_TEMPLATE("threads, calls and layouts change no bit", E, float, gllm::bf16) {
    const size_t cases = (std::is_same<E, float>::value ? 16u : 4u) / (small() ? 4 : 1);
    gllm::ThreadPool pool(3);
    for (size_t c = 0; c < cases; c++) {
        Rng rng(c * 31 + 7);
        const CacheType kt = TYPES[c % 4], vt = TYPES[c / 4 % 4];
        Shape s = random_shape(rng, kt == CacheType::Q8_0 || vt == CacheType::Q8_0);
        if (c % 2) s.length = s.position + s.m;
        const Options o = options_for(rng, s);
        const Side ks(rng, kt, s.length, s.kv, s.d, 2), vs(rng, vt, s.length, s.kv, s.d);
        const std::vector<E> q = draw<E>(rng, s.m * s.heads * s.d);
        const Laid laid(ks, vs, s.length, true), plain(ks, vs, s.length, false);
        for_each_isa<E>([&](CpuKernels<E> k, const char* isa) {
            TEST_INFO("attention", isa, E, text_of(s, o));
            const std::vector<E> want = attend(k, o, laid.view, q);
            expect_same(attend(k, o, plain.view, q), want, "plain arrays");
            for (size_t each : { size_t(1 + c % 3), size_t(5), s.m / 2 + 1 })
                expect_same(in_calls(k, o, ks, vs, s.length, c % 2 == 0, q, each), want, "calls of " + std::to_string(each));
            for (unsigned width = 2; width <= 5; width++) {
                k.parallel.width = width;
                k.parallel.run   = run_backwards;
                expect_same(attend(k, o, laid.view, q), want, "threads: " + std::to_string(width));
            }
            k.parallel = pool.parallel();
            expect_same(attend(k, o, laid.view, q), want, "a pool");
            k.parallel = {};
            set_l2_bytes(64 << 10);
            expect_same(attend(k, o, plain.view, q), want, "a small cache");
            set_l2_bytes(0);
        });
    }
}

TEST_CASE("what a query does not see changes no bit") {
    for (size_t c = 0; c < (small() ? 2u : 8u); c++) {
        Rng rng(c + 400);
        const CacheType kt = TYPES[c % 4], vt = TYPES[c * 3 / 4 % 4];
        const Shape s = { 4, 2, 64, 40, 150, 190 };
        Options o;
        o.m = s.m, o.heads = s.heads, o.position = s.position;
        o.window = c % 3 ? 60 : 0;
        if (c % 2) for (size_t h = 0; h < s.heads; h++) o.slopes.push_back(0.1f);
        Side ks(rng, kt, s.length, s.kv, s.d), vs(rng, vt, s.length, s.kv, s.d);
        const std::vector<float> q = draw<float>(rng, s.m * s.heads * s.d);
        const Laid clean(ks, vs, s.length, true);
        const size_t spoilt = 170;                              // seen by the queries at it and behind, the first few of the window too
        for (size_t h = 0; h < s.kv; h++) {
            ks.fill(spoilt * s.kv + h, c % 2 ? QNAN : INF);
            vs.fill(spoilt * s.kv + h, c % 4 < 2 ? QNAN : -INF);
            if (o.window) vs.fill(100 * s.kv + h, QNAN);
        }
        const Laid paged(ks, vs, s.length, true), plain(ks, vs, s.length, false);
        for_each_isa<float>([&](const CpuKernels<float>& k, const char* isa) {
            TEST_INFO("attention", isa, float, "case " << c);
            const std::vector<float> want = attend(k, o, clean.view, q), got = attend(k, o, paged.view, q);
            const size_t row = s.heads * s.d;
            for (size_t i = 0; i < s.m; i++) {
                const bool hit = sees(o, i, spoilt) || (o.window && sees(o, i, 100));
                if (hit) {
                    size_t nans = 0;
                    for (size_t j = 0; j < row; j++) nans += got[i * row + j] != got[i * row + j];
                    CHECK_MESSAGE(nans > 0, "query " << i << " saw NaN and kept it");
                } else {
                    const std::string wrong = differ(got.data() + i * row, want.data() + i * row, row);
                    CHECK_MESSAGE(wrong.empty(), "query " << i << ": " << wrong);
                }
            }
            expect_same(attend(k, o, plain.view, q), got, "plain arrays");
            for (size_t each : { 1, 7 })
                expect_same(in_calls(k, o, ks, vs, s.length, true, q, each), got, "calls of " + std::to_string(each));
        });
    }
}

// ---- extremes ---------------------------------------------------------------------

TEST_CASE("scores of any size, masked rows, sinks") {
    for (double size : { 1e30, 1e18, 1e-30, 1e-42, 0.0 })
        for (size_t m : { 1, 20 }) {
            if (!keeps_subnormals && size < 1e-37) continue;
            Rng rng(m);
            const size_t d = 32, n = 500, heads = 4, kv = 2;
            Side ks(rng, CacheType::f32, n, kv, d, size > 1 ? 1 : size), vs(rng, CacheType::f32, n, kv, d);
            Options o;
            o.m = m, o.heads = heads, o.position = n - m;
            o.scale = size > 1 ? float(size) : 1.0f;
            const std::vector<float> q = draw<float>(rng, m * heads * d);
            const Laid laid(ks, vs, n, true);
            // large scores differ by far more than they are rounded: the largest wins alone
            const Want want = truth(o, ks, vs, n, q, size > 1 ? -64 : 160);
            check_op<float>("attention", "scores of " + std::to_string(size), want,
                            [&](const CpuKernels<float>& k, float* out) { expect_ok(k.attention(args_of(o, laid.view, q.data(), out))); });
        }
    for (size_t m : { 1, 20 }) {
        Rng rng(m);
        const size_t d = 32, n = 130, heads = 4, kv = 2;
        Side ks(rng, CacheType::f32, n, kv, d), vs(rng, CacheType::f32, n, kv, d);
        std::vector<float> q(m * heads * d, 1.0f);
        Options o;
        o.m = m, o.heads = heads, o.position = n - m;
        for (size_t r = 0; r < n * kv; r++) ks.fill(r, -INF);
        const Laid all(ks, vs, n, true);                        // every score -inf
        check_bits<float>("attention", "all masked", std::vector<float>(q.size(), 0.0f),
                          [&](const CpuKernels<float>& k, float* out) { expect_ok(k.attention(args_of(o, all.view, q.data(), out))); });
        for (size_t r = 0; r < n * kv; r += 3) ks.fill(r, rng.gaussian());
        const Laid some(ks, vs, n, true);
        for (float sink : { 0.0f, 100.0f, -100.0f, float(-INF) }) {
            o.sinks.assign(heads, sink);
            check_op<float>("attention", "some masked", truth(o, ks, vs, n, q),
                            [&](const CpuKernels<float>& k, float* out) { expect_ok(k.attention(args_of(o, some.view, q.data(), out))); });
        }
        o.sinks.assign(heads, float(QNAN));
        check_bits<float>("attention", "a sink of NaN", std::vector<float>(q.size(), float(QNAN)),
                          [&](const CpuKernels<float>& k, float* out) { expect_ok(k.attention(args_of(o, some.view, q.data(), out))); });
        o.sinks.clear();
        q[3] = float(QNAN);                                     // one head of one query
        for_each_isa<float>([&](const CpuKernels<float>& k, const char*) {
            const std::vector<float> got = attend(k, o, some.view, q);
            for (size_t i = 0; i < got.size(); i++) CHECK((got[i] != got[i]) == (i < d));
        });
        ks.fill((n - 1) * kv, INF);                             // +inf, seen by the last query only
        q[3] = 1;
        const Laid infinite(ks, vs, n, true);
        check_op<float>("attention", "+inf", truth(o, ks, vs, n, q),
                        [&](const CpuKernels<float>& k, float* out) { expect_ok(k.attention(args_of(o, infinite.view, q.data(), out))); });
    }
}
TEST_CASE("queries that see nothing give zeros") {
    Rng rng(9);
    const size_t d = 16, heads = 2;
    for (size_t m : { 1, 40 })
        for (size_t n : { 0, 5 }) {
            const Side ks(rng, CacheType::f32, n, 1, d), vs(rng, CacheType::f32, n, 1, d);
            const Laid plain(ks, vs, n, false), paged(ks, vs, n, true);
            Options o;
            o.m = m, o.heads = heads, o.position = 100, o.window = 7;
            const std::vector<float> q = draw<float>(rng, m * heads * d);
            for (const KvView* view : { &plain.view, &paged.view })
                for (bool sinks : { false, true }) {
                    o.sinks.assign(sinks ? heads : 0, 1.0f);
                    check_bits<float>("attention", shape(m, n), std::vector<float>(q.size(), 0.0f),
                                      [&](const CpuKernels<float>& k, float* out) {
                        expect_ok(k.attention(args_of(o, *view, q.data(), out)));
                    });
                }
        }
}

// ---- memory, and arguments ----------------------------------------------------------

TEST_CASE_TEMPLATE("in place, and in a workspace of the promised size", E, ELEMENTS) {
    for (size_t c = 0; c < (small() ? 4u : 20u); c++) {
        Rng rng(c + 70);
        const CacheType kt = TYPES[c % 4], vt = TYPES[c / 4 % 4];
        const Shape s = random_shape(rng, true);
        const Options o = options_for(rng, s);
        const Side ks(rng, kt, s.length, s.kv, s.d), vs(rng, vt, s.length, s.kv, s.d);
        const std::vector<E> q = draw<E>(rng, s.m * s.heads * s.d);
        const Laid laid(ks, vs, s.length, c % 2);
        for_each_isa<E>([&](CpuKernels<E> k, const char* isa) {
            TEST_INFO("attention", isa, E, text_of(s, o));
            const std::vector<E> want = attend(k, o, laid.view, q);
            std::vector<E> both = q;
            expect_ok(k.attention(args_of(o, laid.view, static_cast<const E*>(both.data()), both.data())));
            expect_same(both, want, "in place");
            for (unsigned width = 1; width <= 4; width += 3) {
                k.parallel.width = width;
                k.parallel.run   = run_backwards;
                Guarded<uint8_t> room(k.attention_workspace_bytes(s.m, s.heads, s.kv, s.d, s.length));
                k.workspace = { room.data(), room.size() };
                const long before = allocations_ever();
                expect_same(attend(k, o, laid.view, q), want, "in a workspace");
                CHECK(allocations_ever() == before);
                k.workspace = {};
            }
            k.parallel = {};
            const long before = overruns();
            attend(k, o, laid.view, q);
            CHECK(overruns() == before);
            fail_allocations(true);
            std::vector<E> out(q.size());
            CHECK(k.attention(args_of(o, laid.view, q.data(), out.data())).code == gllm::Code::out_of_memory);
            fail_allocations(false);
        });
    }
}

TEST_CASE("what is refused") {
    using gllm::Code;
    Rng rng(1);
    const size_t d = 64, n = 40, heads = 4, kv = 2, m = 3;
    const Side ks(rng, CacheType::Q8_0, n, kv, d), vs(rng, CacheType::f32, n, kv, d);
    const Laid paged(ks, vs, n, true), plain(ks, vs, n, false);
    const std::vector<float> q = draw<float>(rng, m * heads * d);
    Options o;
    o.m = m, o.heads = heads, o.position = n - m;
    const CpuKernels<float> k;
    const auto refused = [&](const char* what, const KvView& view, auto change) {
        check_refused<float>(what, q.size(), Code::invalid_argument, [&](float* out) {
            AttentionArgs<float> a = args_of(o, view, q.data(), out);
            change(a);
            return k.attention(a);
        });
    };
    using Args = AttentionArgs<float>;
    refused("no q", paged.view, [](Args& a) { a.q = nullptr; });
    refused("no out", paged.view, [](Args& a) { a.out = nullptr; });
    refused("no keys", plain.view, [](Args& a) { a.kv.keys.data = nullptr; });
    refused("no values", plain.view, [](Args& a) { a.kv.values.data = nullptr; });
    refused("no values in pages", paged.view, [](Args& a) { a.kv.values.data = nullptr; });
    for (size_t bad : { 0, 4, 12, 584, 600 }) refused("head_dim", paged.view, [=](Args& a) { a.kv.head_dim = bad; });
    refused("head_dim of Q8_0", paged.view, [](Args& a) { a.kv.head_dim = 40; });
    refused("kv_heads", paged.view, [](Args& a) { a.kv.kv_heads = 3; });
    refused("no kv_heads", paged.view, [](Args& a) { a.kv.kv_heads = 0; });
    refused("type", paged.view, [](Args& a) { a.kv.keys.type = CacheType(4); });
    refused("type of values", paged.view, [](Args& a) { a.kv.values.type = CacheType(9); });
    refused("softcap", paged.view, [](Args& a) { a.softcap = -1; });
    refused("softcap", paged.view, [](Args& a) { a.softcap = float(QNAN); });
    refused("softcap", paged.view, [](Args& a) { a.softcap = float(INF); });
    refused("m", paged.view, [](Args& a) { a.m = SIZE_MAX / 8; });
    refused("m", paged.view, [](Args& a) { a.m = SIZE_MAX; });
    refused("position", paged.view, [](Args& a) { a.position = SIZE_MAX; });
    refused("length", plain.view, [](Args& a) { a.kv.length = SIZE_MAX; });
    refused("length", plain.view, [](Args& a) { a.kv.length = SIZE_MAX / 64; });
    refused("heads", plain.view, [](Args& a) { a.heads = SIZE_MAX / 2 + 1; a.kv.kv_heads = SIZE_MAX / 2 + 1; });
    refused("stride", plain.view, [](Args& a) { a.kv.values.token_stride += 2; });
    refused("stride", plain.view, [](Args& a) { a.kv.keys.head_stride += 1; });
    refused("alignment", plain.view, [](Args& a) { a.kv.values.data = static_cast<const char*>(a.kv.values.data) - 2; });
    refused("alignment of pages", paged.view, [](Args& a) { a.kv.keys.data = static_cast<const char*>(a.kv.keys.data) + 32; });
    refused("stride of pages", paged.view, [](Args& a) { a.kv.page_stride += 32; });
    refused("out in q", paged.view, [](Args& a) { a.q = a.out + 1; });
    refused("out in sinks", paged.view, [](Args& a) { a.sinks = a.out + 1; });
    refused("out in slopes", paged.view, [](Args& a) { a.slopes = a.out; });
    refused("out in values", plain.view, [](Args& a) { a.kv.values.data = a.out + m * heads * d - 1; });
    refused("out in keys", plain.view, [](Args& a) { a.kv.keys.data = a.out; });
    refused("out in pages", paged.view, [](Args& a) {
        static const uint32_t pages[3] = { 0, 0, 0 };
        a.kv.pages = pages;
        a.kv.values.data = reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(a.out) / 64 * 64);
    });
    Fenced<float> out(q.size());
    AttentionArgs<float> a = args_of(o, paged.view, q.data(), out.data());
    a.m = 0;
    CHECK(k.attention(a));
    a.m = m;
    a.heads = 0;
    CHECK(k.attention(a));
    CHECK(out.untouched());
    CHECK(k.attention_workspace_bytes(SIZE_MAX / 2, 8, 8, 128, 1) == 0);
    CHECK(k.attention_workspace_bytes(1, 8, 8, 128, SIZE_MAX) == 0);
    CHECK(k.attention_workspace_bytes(8, 8, 1, 0, 1) == 0);
}
