// The promises of accuracy at their worst: sums whose every rounding errs to the same side, at every stride and length that a chain of
// additions may have. Catches chains that are longer than a promise allows, a second level of sums forgotten in it, means and
// normalisers that carry such an error into a row. SPDX-License-Identifier: MIT
//
// GLLM_KERNELS_WORST=1 prints the largest error of each operation on each instruction set.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "quant_oracle.hpp"

#include <map>

using namespace oracle;
using namespace test;
using gllm::Activation;
using gllm::CpuKernels;
using gllm::Precision;
using gllm::QuantType;
using gllm::Status;

namespace {

inline void expect_ok(Status s) { CHECK_MESSAGE(s, "refused: " << text(s.what)); }
/// Short types get one in so many of the cases.
template <class E> constexpr size_t thin() { return std::is_same<E, float>::value ? 1 : 3; }
bool slow(gllm::Isa isa) { return small() || gllm::isa_presence(isa) == gllm::Presence::emulated; }

// ---- the record -------------------------------------------------------------

struct Record {
    struct Entry { double most = 0, limit = 0; std::string at; };
    std::map<std::string, Entry> entries;
    void add(const std::string& what, double units, double limit, const std::string& at) {
        Entry& e = entries[what];
        if (units / limit >= e.most / (e.limit > 0 ? e.limit : 1)) e = { units, limit, at };
    }
    ~Record() {
        if (!flag("GLLM_KERNELS_WORST")) return;
        for (const auto& e : entries)
            std::printf("%-40s %8.2f of %3.0f  %s\n", e.first.c_str(), e.second.most, e.second.limit, e.second.at.c_str());
    }
} record;

/// Judges outputs one at a time, and fails once, with the worst of them.
template <class E> struct Worst {
    std::string what;
    size_t      misses = 0, of = 0;
    double      most = 0, limit = 0;
    std::string at;
    Worst(const char* op, const char* isa) : what(std::string(op) + " " + isa + " " + Format<E>::name()) {}
    /// unit: what the limit counts. Returns whether it was kept.
    void add(E got, double want, double unit, double units, double slack, const std::string& where) {
        const bool   good  = accept(got, want, units * unit + slack);
        const double error = std::fabs(value(got) - want), seen = error != error ? INF : error == 0 ? 0 : error / unit;
        of++, misses += !good;
        if (std::is_same<E, float>::value) record.add(what, seen, units, where);
        if (!good && seen > most) most = seen, limit = units, at = where;
    }
    ~Worst() {
        CHECK_MESSAGE(misses == 0, what << ": " << misses << " of " << of << " wrong, the worst by " << most << " units of " << limit
                                        << ": " << at);
    }
};

// ---- patterns ---------------------------------------------------------------

/// A chain of additions: every stride-th term, from a fresh sum after `length` of them. The first term is a power of two, the others are
/// just above half an ulp of the running sum, or just below it, or the one and the other with alternating signs; `chosen`: of all these one
/// that errs upwards, at random; chains: only the first chain is like `above`, later ones add just above half an ulp of the sum of chains.
enum class Kind { above, below, alternating, chosen, chains };
constexpr Kind KINDS[] = { Kind::above, Kind::below, Kind::alternating, Kind::chosen, Kind::chains };
struct Pattern {
    size_t stride, length;
    Kind   kind;
    size_t lanes;                                               // only so many of the strides' chains begin with a large term
    std::string name() const {
        static const char* const names[] = { "above", "below", "alternating", "chosen", "chains" };
        return std::string(names[int(kind)]) + " stride=" + std::to_string(stride) + " length=" + std::to_string(length)
             + " lanes=" + std::to_string(lanes);
    }
};

/// n terms, each a value of E times a power of two. A sum errs upwards.
template <class E> std::vector<double> terms(Rng& rng, size_t n, const Pattern& p) {
    const int    bits = Format<E>::p;
    const double step = std::ldexp(1, bits > 20 ? 3 - bits : 1 - bits), up = 1 + step, down = 1 - step;
    std::vector<float>  sums(p.stride);
    std::vector<double> x(n);
    for (size_t i = 0; i < n; i++) {
        const size_t lane = i % p.stride, at = i / p.stride % p.length;
        const bool   later = p.kind == Kind::chains && i / p.stride >= p.length;
        float& sum = sums[lane];
        if (lane >= p.lanes && at == 0) { sum = 0; continue; }
        if (lane >= p.lanes) continue;
        if (at == 0 && !later) { x[i] = sum = 1; continue; }
        if (later && at != 0) continue;
        const double half = ulp<float>(double(sum)) / 2;
        double t = half * up;
        switch (p.kind) {
            case Kind::above: case Kind::chains: break;
            case Kind::below: t = -half * down; break;          // stays where it is
            case Kind::alternating: t = at % 2 ? half * up : -half * down; break;
            case Kind::chosen: {
                const double all[] = { half * up, -half * down, half * up * 3, -half / 2 * down, -half * up };
                double best = 0;
                for (double c : all) {
                    const double error = double(float(double(sum) + c)) - (double(sum) + c);
                    if (error > best * rng.uniform(0.5, 1.5)) best = error, t = c;
                }
                break;
            }
        }
        t = std::ldexp(value(round_to<E>(std::ldexp(t, 24))), -24);
        x[i] = t;
        sum = float(double(sum) + t);
    }
    return x;
}

const Sizes STRIDES = { 1, 2, 4, 8, 16, 32, 64, 128, 256 }, LENGTHS = { 16, 32, 64, 128, 256, 1024, 1 << 20 };

std::vector<Pattern> patterns() {
    std::vector<Pattern> all;
    for (size_t stride : STRIDES)
        for (size_t length : LENGTHS)
            for (Kind kind : KINDS) {
                all.push_back({ stride, length, kind, stride });
                if (stride > 1 && kind == Kind::above) all.push_back({ stride, length, kind, 1 });
            }
    return all;
}
const std::vector<Pattern>& all_patterns() { static const std::vector<Pattern> all = patterns(); return all; }

const Sizes CHAIN_ENDS = { 32, 64, 128, 256, 512, 1024, 2048, 4096, 4097, 12288, 12289, 20000 };

template <class E> std::vector<E> rounded_all(const std::vector<double>& x) {
    std::vector<E> e(x.size());
    for (size_t i = 0; i < x.size(); i++) e[i] = round_to<E>(x[i]);
    return e;
}

/// The last term cancels the rest, so that a short type still shows the error.
template <class E> void cancel(std::vector<double>& x) {
    double sum = 0;
    for (double v : x) sum += v;
    if (!std::is_same<E, float>::value) x.back() = value(round_to<E>(-sum));
}

} // namespace

// ---- sums -------------------------------------------------------------------

TEST_CASE_TEMPLATE("vec_dot vec_sum vec_sum_squares gemv: 64 u of the terms", E, float, gllm::bf16) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        Worst<E> dots("vec_dot", isa), sums("vec_sum", isa), squares("vec_sum_squares", isa), rows("gemv", isa);
        Rng rng(1);
        for (size_t n : CHAIN_ENDS)
            for (const Pattern& p : all_patterns()) {
                if (p.length * p.stride >= 4 * n || (n > 1024 && rng.below(thin<E>() * (slow(k.isa()) ? 8 : 2)))) continue;
                std::vector<double> t = terms<E>(rng, n, p);
                std::vector<E> roots(n);
                for (size_t i = 0; i < n; i++) roots[i] = round_to<E>(std::sqrt(std::fabs(t[i])));
                cancel<E>(t);
                const std::vector<E> x = rounded_all<E>(t), ones(n, round_to<E>(1));
                const std::string at = shape(n) + " " + p.name();
                double abs, sum = dot(x.data(), 1, ones.data(), 1, n, &abs);
                const double slack = double(n) * MIN_SUBNORMAL;
                dots.add(k.vec_dot(x.data(), ones.data(), n), sum, U * abs, DOT_UNITS, slack, at);
                sums.add(k.vec_sum(x.data(), n), sum, U * abs, DOT_UNITS, slack, at);
                for (size_t m : Sizes{ 1, 5 }) {
                    std::vector<E> a, y(m);
                    for (size_t r = 0; r < m; r++) a.insert(a.end(), x.begin(), x.end());
                    k.gemv(a.data(), ones.data(), y.data(), m, n);
                    rows.add(y[m - 1], sum, U * abs, DOT_UNITS, slack, at + " m=" + std::to_string(m));
                }
                sum = dot(roots.data(), 1, roots.data(), 1, n, &abs);
                squares.add(k.vec_sum_squares(roots.data(), n), sum, U * abs, DOT_UNITS, slack, at);
            }
    });
}

// ---- products ---------------------------------------------------------------

/// m rows with a pattern each, times a matrix of ones; or rows of ones times columns with a pattern each.
TEST_CASE_TEMPLATE("gemm in every form: 160 u, 256 u beyond k = 4096", E, float, gllm::bf16) {
    static const char* const names[] = { "gemm", "gemm_bias", "gemm_transposed_b", "gemm_prepacked" };
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        Rng rng(2);
        std::vector<Pattern> these;                              // those of chains as long as they may be
        for (const Pattern& p : all_patterns()) if (p.stride == 1 || (p.length >= 32 && p.length <= 1024)) these.push_back(p);
        for (int form = 0; form < 4; form++) {
            Worst<E> worst(names[form], isa);
            for (size_t kk : slow(k.isa()) ? Sizes{ 128, 1024, 4096, 12289 } : CHAIN_ENDS)
                for (size_t m : Sizes{ 1, 5, 8, 9, 40 })
                    for (size_t n : m == 40 ? Sizes{ 3, 17 } : Sizes{ 3, 40 }) {
                        if (rng.below(thin<E>() * (slow(k.isa()) ? 8 : m == 40 && kk > 4000 ? 4 : 2))) continue;
                        const bool in_a = n == 3 || m == 40;    // where the patterns are
                        const size_t count = in_a ? m : n;
                        std::vector<E> x(count * kk), a(m * kk, round_to<E>(1)), b(n * kk, round_to<E>(1)), c(m * n);
                        const std::vector<E> bias(n, round_to<E>(0.0));
                        std::vector<double> want(count), sums(count);
                        std::vector<std::string> at(count);
                        for (size_t r = 0; r < count; r++) {
                            const Pattern p = r < 2 ? Pattern{ 1, 128, r ? Kind::chains : Kind::above, 1 } : these[rng.below(these.size())];
                            std::vector<double> t = terms<E>(rng, kk, p);
                            cancel<E>(t);
                            at[r] = shape(m, n, kk) + " " + p.name();
                            for (size_t i = 0; i < kk; i++) {
                                const E e = round_to<E>(t[i]);
                                want[r] += value(e), sums[r] += std::fabs(value(e));
                                if (in_a)           a[r * kk + i] = e;
                                else if (form == 2) b[r * kk + i] = e;
                                else                b[i * n + r] = e;
                            }
                        }
                        if (form == 0) expect_ok(k.gemm(a.data(), b.data(), c.data(), m, n, kk));
                        if (form == 1) expect_ok(k.gemm_bias(a.data(), b.data(), bias.data(), c.data(), m, n, kk));
                        if (form == 2) expect_ok(k.gemm_transposed_b(a.data(), b.data(), c.data(), m, n, kk));
                        if (form == 3) {
                            std::vector<uint8_t> packed(k.packed_b_bytes(n, kk));
                            expect_ok(k.pack_b(b.data(), n, kk, packed.data()));
                            expect_ok(k.gemm_prepacked(a.data(), packed.data(), c.data(), m, n, kk));
                        }
                        for (size_t i = 0; i < m * n; i++) {
                            const size_t r = in_a ? i / n : i % n;
                            worst.add(c[i], want[r], U * sums[r], product_units(kk), double(kk) * MIN_SUBNORMAL, at[r]);
                        }
                    }
        }
    });
}

/// k weights of 1 in one row: the codes are all the same.
quant::Bytes row_of_ones(QuantType type, size_t k) {
    const quant::Format& f = quant::format(type);
    quant::Bytes block(f.bytes);
    const auto fill = [&](size_t from, size_t count, int byte) { std::memset(block.data() + from, byte, count); };
    switch (type) {
        case QuantType::Q8_0:   fill(2, 32, 1); break;
        case QuantType::Q4_0:   fill(2, 16, 0x99); break;
        case QuantType::Q4_K:   fill(4, 4, 1), fill(12, 4, 1), fill(16, 128, 0x11); break;
        case QuantType::Q6_K:   fill(0, 128, 0x11), fill(128, 64, 0xaa), fill(192, 16, 1); break;
        case QuantType::IQ4_XS: fill(2, 2, 0xaa), fill(4, 4, 0x11), fill(8, 128, 0x88); break;
        default: break;
    }
    quant::put(block.data() + f.halves[0], 0x3c00, 2);
    quant::Bytes row;
    for (size_t i = 0; i < k; i += f.weights) row.insert(row.end(), block.begin(), block.end());
    return row;
}

/// Inputs are equal within a group of 32, and groups follow the patterns, on steps for sums of 1 to 32 of them.
TEST_CASE_TEMPLATE("quantised products, exact: 160 u, 256 u beyond k = 4096", E, float, gllm::bf16) {
    const QuantType types[] = { QuantType::Q8_0, QuantType::Q4_0, QuantType::Q4_K, QuantType::Q6_K, QuantType::IQ4_XS, QuantType::AWQ4 };
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        Rng rng(3 + uint64_t(k.isa()));
        std::vector<Pattern> by_groups;
        for (size_t stride : { 1, 2, 4, 8, 16 })
            for (size_t length : { 4, 8, 32, 128, 384, 1 << 20 })
                for (Kind kind : KINDS) by_groups.push_back({ stride, length, kind, stride });
        for (QuantType type : types) {
            const bool plain = type == QuantType::AWQ4;         // stands for gemm_q8
            Worst<E> worst(plain ? "gemm_q8" : quant::format(type).name.c_str(), isa);
            for (size_t kk : slow(k.isa()) ? Sizes{ 512, 4096, 12288 } : Sizes{ 256, 512, 1024, 2048, 4096, 4352, 12288, 12544, 20480 })
                for (size_t m : Sizes{ 1, 4, 9, 40 }) {
                    if (rng.below(thin<E>())) continue;
                    const size_t       n = 3, repeat = (m == 40 ? 2 : m == 9 ? 6 : 30) / thin<E>() + 1;
                    const quant::Bytes row = plain ? quant::Bytes(kk, 1) : row_of_ones(type, kk);
                    quant::Bytes w;
                    for (size_t j = 0; j < n; j++) w.insert(w.end(), row.begin(), row.end());
                    if (!plain && m == 1)
                        for (double v : quant::decode(type, row.data(), kk)) if (v != 1) { FAIL_CHECK("not ones"); break; }
                    for (size_t turn = 0; turn < (slow(k.isa()) ? repeat / 6 + 1 : repeat); turn++) {
                        std::vector<E> x(m * kk), y(m * n);
                        std::vector<double> want(m), sums(m);
                        std::vector<std::string> at(m);
                        for (size_t r = 0; r < m; r++) {
                            Pattern p = by_groups[rng.below(by_groups.size())];
                            if (rng.below(2)) p.stride = p.lanes = 1, p.kind = rng.below(2) ? Kind::above : Kind::chains;
                            const int shift = int(rng.below(6));
                            const std::vector<double> t = terms<E>(rng, kk / 32, p);
                            at[r] = shape(m, n, kk) + " groups " + p.name() + " times " + std::to_string(1 << shift);
                            for (size_t i = 0; i < kk; i++) {
                                double v = t[i / 32];
                                const bool later = p.kind == Kind::chains && i / 32 >= p.length * p.stride;
                                if (std::fabs(v) < 0.5 && !later) v = std::ldexp(v, shift);
                                x[r * kk + i] = round_to<E>(v);
                            }
                            if (!std::is_same<E, float>::value) {            // the last group cancels the others
                                double sum = 0;
                                for (size_t i = 0; i < kk - 32; i++) sum += value(x[r * kk + i]);
                                for (size_t i = kk - 32; i < kk; i++) x[r * kk + i] = round_to<E>(-sum / 32);
                            }
                            for (size_t i = 0; i < kk; i++) want[r] += value(x[r * kk + i]), sums[r] += std::fabs(value(x[r * kk + i]));
                        }
                        const std::vector<E> scales(n, round_to<E>(1));
                        expect_ok(plain ? k.gemm_q8(w.data(), x.data(), y.data(), scales.data(), m, n, kk)
                                        : k.matmul(type, w.data(), x.data(), y.data(), m, n, kk));
                        for (size_t i = 0; i < m * n; i++)
                            worst.add(y[i], want[i / n], U * sums[i / n], product_units(kk), double(kk) * MIN_SUBNORMAL, at[i / n]);
                    }
                }
        }
    });
}

/// Where rounding to few bits costs most, and always in one direction: just above a power of two for bf16; half a step below the
/// largest of a group for 8 bits.
TEST_CASE_TEMPLATE("quantised products, fast: 1/250 of the terms", E, float, gllm::f16) {
    const QuantType types[] = { QuantType::Q8_0, QuantType::Q4_0, QuantType::Q4_K, QuantType::Q6_K, QuantType::IQ4_XS };
    const unsigned  scales[] = { 0x3c04, 0x3c05, 0x3c03, 0x3c0c, 0x3c00 };      // f16: 1 + 2^-8, its neighbours, 1 + 3 2^-8, 1
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        for (QuantType type : types) {
            Worst<E> worst(quant::format(type).name.c_str(), isa);
            for (size_t m : slow(k.isa()) ? Sizes{ 1, 40 } : Sizes{ 1, 4, 40, 64, 100 })
                for (size_t kk : Sizes{ 256, 1280 })
                    for (unsigned scale : scales) {
                        const size_t n = m < 64 ? 3 : 40;
                        quant::Bytes row = row_of_ones(type, kk), w;
                        for (size_t at = quant::format(type).halves[0]; at < row.size(); at += quant::format(type).bytes)
                            quant::put(row.data() + at, scale, 2);
                        for (size_t j = 0; j < n; j++) w.insert(w.end(), row.begin(), row.end());
                        std::vector<E>      x(m * kk), y(m * n);
                        std::vector<double> want(m);
                        const std::vector<double> weights = quant::decode(type, row.data(), kk);
                        for (size_t i = 0; i < m * kk; i++) {
                            const size_t r = i / kk;
                            const double step = i % 32 ? double(64 + r % 60) - 0.499 : 127;         // of 127
                            x[i] = round_to<E>(r % 2 ? step / 128 : 1 + std::ldexp(1.01 + 2 * double(r % 3), -8));
                            want[r] += value(x[i]) * weights[i % kk];
                        }
                        expect_ok(k.matmul(type, w.data(), x.data(), y.data(), m, n, kk, Precision::fast));
                        for (size_t i = 0; i < m * n; i++) {
                            double sum = 0;
                            for (size_t j = 0; j < kk; j++) sum += weights[j] * value(x[i / n * kk + j / 32 * 32]);
                            worst.add(y[i], want[i / n], sum, FAST, 0, shape(m, n, kk));
                        }
                    }
        }
    });
}

// ---- rows -------------------------------------------------------------------

namespace {

const Sizes& row_lengths() {
    static const Sizes all = small() ? Sizes{ 128, 1024, 4096 } : Sizes{ 32, 128, 512, 1024, 4096, 4097, 16384, 20000, 1 << 17 };
    return all;
}

/// Judges a row by its promise.
template <class E> void judge_row(Worst<E>& worst, const std::vector<E>& got, const Want& want, const std::string& at) {
    size_t most = 0;
    double ratio = -1;
    for (size_t i = 0; i < want.size(); i++) {
        const double error = std::fabs(value(got[i]) - want.value[i]), r = error != error ? INF : error == 0 ? 0 : error / want.bound[i];
        if (r > ratio) ratio = r, most = i;
    }
    for (size_t i = 0; i < want.size(); i++)
        if (i == most || !accept(got[i], want.value[i], want.bound[i]))
            worst.add(got[i], want.value[i], want.bound[i] / ROW_ULP, ROW_ULP, 0, at + " [" + std::to_string(i) + "]");
}

/// A factor of E that brings the largest of these just below a power of two, where an ulp is smallest.
template <class E> E just_below(const Want& want, double sign = 1) {
    double most = 0;
    for (double v : want.value) most = std::fmax(most, std::fabs(v));
    if (most == 0) return round_to<E>(sign);
    const double factor = std::ldexp(1, std::ilogb(most) + 1) / most * (1 - 4 * U);
    return round_to<E>(sign * (std::is_same<E, float>::value ? factor : 1));
}

/// Patterns for rows: longer ones for fewer.
template <class F> void each_row(Rng& rng, bool is_slow, F f) {
    for (size_t n : row_lengths())
        for (const Pattern& p : all_patterns()) {
            if (p.length * p.stride >= 4 * n || p.kind == Kind::alternating || p.kind == Kind::chosen) continue;
            const size_t one_in = (n > 20000 ? 64 : n > 4097 ? 12 : n > 1024 ? 3 : 1) * (is_slow ? 6 : 1);
            if (rng.below(one_in) == 0) f(n, p);
        }
}

} // namespace

TEST_CASE_TEMPLATE("softmax: 16 ulp of the largest result", E, float, gllm::bf16) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        Worst<E> worst("softmax", isa);
        Rng rng(4);
        const auto check = [&](const std::vector<E>& x, const std::string& at) {
            std::vector<E> out(x.size());
            k.softmax(x.data(), out.data(), x.size());
            judge_row(worst, out, softmax(x), at);
        };
        each_row(rng, slow(k.isa()), [&](size_t n, const Pattern& p) {
            const std::vector<double> t = terms<float>(rng, n, p);
            std::vector<E> x(n);
            for (size_t i = 0; i < n; i++)                      // neighbours of the logarithm, whichever the exponential likes
                x[i] = round_to<E>(t[i] == 0 ? -200 : t[i] == 1 ? 0 : std::log(std::fabs(t[i])) + double(rng.below(3)) * 2e-6);
            check(x, shape(n) + " " + p.name());
        });
        for (size_t n : row_lengths()) {
            check(std::vector<E>(n, round_to<E>(1.25)), shape(n) + " equal");
            for (double small_one : { -16.635532, -16.6355, -16.0, -15.5, -17.3, -10.0 })
                for (size_t first : Sizes{ 0, 1, n / 2, n - 1 }) {
                    std::vector<E> x(n, round_to<E>(small_one));
                    x[first] = round_to<E>(0);
                    check(x, shape(n) + " one 0 and " + std::to_string(small_one));
                }
        }
    });
}

TEST_CASE_TEMPLATE("rms_norm: 16 ulp of the largest result", E, float, gllm::bf16) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        Worst<E> sums("rms_norm", isa), weights("rms_norm, weights far apart", isa);
        Rng rng(5);
        const auto judge = [&](Worst<E>& worst, const std::vector<E>& x, const std::vector<E>& w, float eps, const std::string& at) {
            std::vector<E> out(x.size());
            k.rms_norm(x.data(), w.data(), out.data(), x.size(), eps);
            judge_row(worst, out, rms_norm(x, w, eps), at);
        };
        const auto check = [&](const std::vector<E>& x, const std::vector<E>& w, float eps, const std::string& at) {
            judge(sums, x, w, eps, at);
        };
        each_row(rng, slow(k.isa()), [&](size_t n, const Pattern& p) {
            const std::vector<double> t = terms<float>(rng, n, p);
            std::vector<E> x(n), w(n, round_to<E>(1));
            for (size_t i = 0; i < n; i++) x[i] = round_to<E>(std::sqrt(std::fabs(t[i])));
            const E factor = just_below<E>(rms_norm(x, w, 0.0f));
            check(x, std::vector<E>(n, factor), 0.0f, shape(n) + " " + p.name());
        });
        for (size_t n : row_lengths())
            for (int i = 0; i < 4; i++) {
                const std::vector<E> x(n, round_to<E>(rng.uniform(1, 2))), ones(n, round_to<E>(1));
                check(x, std::vector<E>(n, just_below<E>(rms_norm(x, ones, 1e-5f))), 1e-5f, shape(n) + " equal");
            }
        if (!keeps_subnormals) return;
        for (double a : { 1e-40, 1e-38, 1e-30, 1e-20 })
            for (double b : { 1e38, 1e30, 1.0 })
                for (size_t n : Sizes{ 2, 9, 100 }) {           // a large weight on a tiny input
                    std::vector<E> x(n, round_to<E>(1)), w(n, round_to<E>(1e-38));
                    x[n - 1] = round_to<E>(a), w[n - 1] = round_to<E>(b);
                    const std::string at = shape(n) + " 1 and 10^" + std::to_string(int(std::log10(a))) + ", weights 10^-38 and 10^"
                                         + std::to_string(int(std::log10(b)));
                    judge(weights, x, w, 0.0f, at);
                    for (E& e : x) e = round_to<E>(1e18 * value(e));
                    judge(weights, x, w, 1e-5f, at + ", inputs times 10^18");
                }
    });
}

TEST_CASE_TEMPLATE("layer_norm: 16 ulp of what its results are made of", E, float, gllm::bf16) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        Worst<E> worst("layer_norm", isa);
        Rng rng(6);
        using Row = const std::vector<E>&;
        const auto check = [&](Row x, Row gamma, Row beta, float eps, const std::string& at) {
            std::vector<E> out(x.size());
            k.layer_norm(x.data(), gamma.data(), beta.data(), out.data(), x.size(), eps);
            judge_row(worst, out, layer_norm(x, gamma, beta, eps), at);
        };
        const auto check_scaled = [&](const std::vector<E>& x, float eps, const std::string& at) {
            const size_t n = x.size();
            const std::vector<E> ones(n, round_to<E>(1)), zeros(n, round_to<E>(0));
            const E factor = just_below<E>(layer_norm(x, ones, zeros, eps), rng.below(2) ? 1 : -1);
            check(x, std::vector<E>(n, factor), zeros, eps, at);
            if (rng.below(4) == 0) check(x, std::vector<E>(n, factor), draw<E>(rng, n), eps, at + " beta");
        };
        each_row(rng, slow(k.isa()), [&](size_t n, const Pattern& p) {
            const std::vector<double> t = terms<float>(rng, n, p);
            std::vector<E> x(n);
            for (bool centred : { false, true }) {              // the squares are the pattern; or the terms of the mean are
                for (size_t i = 0; i < n; i++)
                    x[i] = round_to<E>(centred ? (i / 2 % 2 ? -1 : 1) * std::sqrt(std::fabs(t[i])) : t[i]);
                check_scaled(x, 1e-12f, shape(n) + " " + p.name() + (centred ? " squares" : " mean"));
            }
        });
        for (size_t n : row_lengths())
            for (double mean : { 1000.0, -1000.0, 1.0, 1e6 })
                for (float eps : { 1e-5f, 1e-12f }) {
                    if (rng.below(thin<E>() * (n > 20000 ? 8 : n > 4097 ? 2 : 1))) continue;
                    std::vector<E> x(n, round_to<E>(mean));
                    x[rng.below(n)] = round_to<E>(mean * (1 + std::ldexp(1.0, 1 - Format<E>::p)));
                    check_scaled(x, eps, shape(n) + " all equal but one bit, mean " + std::to_string(mean));
                    for (E& e : x) e = round_to<E>(mean * (1 + double(rng.below(3)) * std::ldexp(1.0, 1 - Format<E>::p)));
                    check_scaled(x, eps, shape(n) + " last bits differ, mean " + std::to_string(mean));
                    for (size_t i = 0; i < n; i++) x[i] = round_to<E>(mean + (i == 0 ? 0.5 : i % 2 ? 1e-4 : -1e-4) * mean / 1000);
                    check_scaled(x, eps, shape(n) + " one outlier, mean " + std::to_string(mean));
                    check_scaled(std::vector<E>(n, round_to<E>(mean * 1.2345)), eps, shape(n) + " all equal");
                }
    });
}
