// The truth about quantised formats: every weight by its own formula in double, and makers of blocks to decode. Written from the
// formats' definitions, one weight at a time; the grids are read from tests/data/codebooks. SPDX-License-Identifier: MIT
//
// All weights are exact in double: no format needs more than 53 bits. The f32 that a decoder must give is float(weight(...)).
#ifndef TESTS_QUANT_ORACLE_HPP
#define TESTS_QUANT_ORACLE_HPP

#include "harness.hpp"

#include <algorithm>
#include <fstream>

namespace quant {

using gllm::QuantType;
using test::Rng;
using Bytes = std::vector<uint8_t>;

// ---- the formats ------------------------------------------------------------

constexpr size_t SPREAD = ~size_t(0);                           // IQ1_M: the f16 lies in the top nibbles of four words

struct Format {
    QuantType           type;
    std::string         name;
    const char*         golden;                                 // file name, null where ggml has no such format
    size_t              weights, bytes;
    int                 bits;
    std::vector<size_t> halves, singles;                        // where the f16 and f32 scales are
};

inline const std::vector<Format>& formats() {
    using Q = QuantType;
    static const std::vector<Format> all = {
        { Q::Q2_K,    "Q2_K",    "q2_k",    256, 84,  2, { 80, 82 }, {} },
        { Q::Q3_K,    "Q3_K",    "q3_k",    256, 110, 3, { 108 },    {} },
        { Q::Q4_K,    "Q4_K",    "q4_k",    256, 144, 4, { 0, 2 },   {} },
        { Q::Q5_K,    "Q5_K",    "q5_k",    256, 176, 5, { 0, 2 },   {} },
        { Q::Q6_K,    "Q6_K",    "q6_k",    256, 210, 6, { 208 },    {} },
        { Q::Q8_K,    "Q8_K",    "q8_k",    256, 292, 8, {},         { 0 } },
        { Q::IQ1_S,   "IQ1_S",   "iq1_s",   256, 50,  1, { 0 },      {} },
        { Q::IQ1_M,   "IQ1_M",   "iq1_m",   256, 56,  1, { SPREAD }, {} },
        { Q::IQ2_XXS, "IQ2_XXS", "iq2_xxs", 256, 66,  2, { 0 },      {} },
        { Q::IQ2_XS,  "IQ2_XS",  "iq2_xs",  256, 74,  2, { 0 },      {} },
        { Q::IQ2_S,   "IQ2_S",   "iq2_s",   256, 82,  2, { 0 },      {} },
        { Q::IQ3_XXS, "IQ3_XXS", "iq3_xxs", 256, 98,  3, { 0 },      {} },
        { Q::IQ3_S,   "IQ3_S",   "iq3_s",   256, 110, 3, { 0 },      {} },
        { Q::IQ4_NL,  "IQ4_NL",  "iq4_nl",  32,  18,  4, { 0 },      {} },
        { Q::IQ4_XS,  "IQ4_XS",  "iq4_xs",  256, 136, 4, { 0 },      {} },
        { Q::AWQ4,    "AWQ4",    nullptr,   128, 72,  4, { 0, 2 },   {} },
        { Q::GPTQ4,   "GPTQ4",   nullptr,   128, 72,  4, { 0, 2 },   {} },
        { Q::SQUEEZE, "SQUEEZE", nullptr,   256, 130, 3, { 0 },      { 98, 102, 106, 110, 114, 118, 122, 126 } },
        { Q::Q4_0,    "Q4_0",    "q4_0",    32,  18,  4, { 0 },      {} },
        { Q::Q4_1,    "Q4_1",    "q4_1",    32,  20,  4, { 0, 2 },   {} },
        { Q::Q5_0,    "Q5_0",    "q5_0",    32,  22,  5, { 0 },      {} },
        { Q::Q5_1,    "Q5_1",    "q5_1",    32,  24,  5, { 0, 2 },   {} },
        { Q::Q8_0,    "Q8_0",    "q8_0",    32,  34,  8, { 0 },      {} },
        { Q::Q1_0,    "Q1_0",    "q1_0",    128, 18,  1, { 0 },      {} },
        { Q::Q2_0,    "Q2_0",    "q2_0",    64,  18,  2, { 0 },      {} },
        { Q::TQ1_0,   "TQ1_0",   "tq1_0",   256, 54,  1, { 52 },     {} },
        { Q::TQ2_0,   "TQ2_0",   "tq2_0",   256, 66,  2, { 64 },     {} },
        { Q::MXFP4,   "MXFP4",   "mxfp4",   32,  17,  4, {},         {} },
        { Q::NVFP4,   "NVFP4",   "nvfp4",   64,  36,  4, {},         {} },
    };
    return all;
}
inline const Format& format(QuantType type) { return formats()[size_t(type)]; }
inline bool is_kquant(QuantType t) { return t <= QuantType::Q8_K; }
inline bool is_iq(QuantType t)     { return t >= QuantType::IQ1_S && t <= QuantType::IQ4_XS; }

// ---- reading a block --------------------------------------------------------

using Block = const uint8_t*;

inline unsigned bits(uint64_t x, int p, int n) { return unsigned((x >> p) & ((1u << n) - 1)); }
inline unsigned lo(unsigned b) { return b % 16; }
inline unsigned hi(unsigned b) { return b >> 4; }
inline int      i8(unsigned b) { return b < 128 ? int(b) : int(b) - 256; }
inline uint64_t little(const void* p, size_t bytes) {
    uint64_t v = 0;
    for (size_t i = bytes; i-- > 0;) v = v << 8 | static_cast<const uint8_t*>(p)[i];
    return v;
}
inline uint32_t u16(const void* p) { return uint32_t(little(p, 2)); }
inline uint32_t u32(const void* p) { return uint32_t(little(p, 4)); }
inline double   f16(const void* p) { return oracle::value(gllm::f16{ uint16_t(u16(p)) }); }
inline double   f32(const void* p) { return oracle::decode<float>(u32(p)); }
inline void put(void* p, uint64_t v, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) static_cast<uint8_t*>(p)[i] = uint8_t(v >> 8 * i);
}

/// Nibble i of a run of `half` bytes: first all the low ones, then all the high ones.
inline unsigned split_nibble(Block p, int i, int half) { return i < half ? lo(p[i]) : hi(p[i - half]); }

/// Element j of 8 is negative: 7 sign bits, and an eighth that makes their number even.
inline bool neg7(unsigned code, int j) {
    if (j < 7) return bits(code, j, 1);
    unsigned ones = 0;
    for (int b = 0; b < 7; b++) ones += bits(code, b, 1);
    return ones % 2;
}

inline double level_iq4(unsigned q) {
    static const int L[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };
    return L[q];
}
inline double level_e2m1(unsigned q) {                          // doubled; code 8 is a positive zero
    static const int magnitude[8] = { 0, 1, 2, 3, 4, 6, 8, 12 };
    return q < 8 ? magnitude[q] : q == 8 ? 0 : -magnitude[q - 8];
}

/// A grid of tests/data/codebooks: rows of digits, and the value each digit stands for.
class Grid {
public:
    Grid(const char* name, std::vector<int> values) : values_(std::move(values)) {
        const std::string path = std::string("tests/data/codebooks/") + name + ".txt";
        std::ifstream file(path);
        for (std::string row; file >> row;) rows_.push_back(row);
        if (rows_.empty()) std::fprintf(stderr, "%s: not found; run from the repository\n", path.c_str()), std::abort();
    }
    double operator()(unsigned row, int element) const { return values_[size_t(rows_.at(row).at(size_t(element)) - '0')]; }
private:
    std::vector<int>         values_;
    std::vector<std::string> rows_;
};
inline const Grid& grid_iq1()     { static const Grid g("iq1", { -1, 0, 1 }); return g; }
inline const Grid& grid_iq2_xxs() { static const Grid g("iq2_xxs", { 8, 25, 43 }); return g; }
inline const Grid& grid_iq2_xs()  { static const Grid g("iq2_xs", { 8, 25, 43 }); return g; }
inline const Grid& grid_iq2_s()   { static const Grid g("iq2_s", { 8, 25, 43 }); return g; }
inline const Grid& grid_iq3_xxs() { static const Grid g("iq3_xxs", { 4, 12, 20, 28, 36, 44, 52, 62 }); return g; }
inline const Grid& grid_iq3_s()   { static const Grid g("iq3_s", { 1, 3, 5, 7, 9, 11, 13, 15 }); return g; }

// ---- one weight -------------------------------------------------------------
// Shared letters: g = i / 32, l = i % 32, t = octet in the group, j = i % 8, c = i / 128, k = quarter of the half.

/// The 6-bit scale (min = false) or minimum of group g of Q4_K and Q5_K, whose 12 bytes begin at byte 4.
inline double six_bits(Block b, int g, bool min) {
    if (g < 4) return b[(min ? 8 : 4) + g] % 64;
    const unsigned low = min ? hi(b[8 + g]) : lo(b[8 + g]);
    return low + 16 * bits(b[min ? 4 + g : g], 6, 2);
}

inline double ue4m3_half(unsigned byte) {                       // half of the UE4M3 value
    if (byte == 0 || byte == 0x7f) return 0;
    const int x = int(bits(byte, 3, 4)), m = int(bits(byte, 0, 3));
    return x ? std::ldexp(8 + m, x - 11) : std::ldexp(m, -10);
}

inline double weight(QuantType type, Block b, int i) {
    const int g = i / 32, l = i % 32, t = l / 8, j = i % 8, c = i / 128, k = i % 128 / 32;
    const auto sign = [](bool negative) { return negative ? -1.0 : 1.0; };
    switch (type) {
        case QuantType::Q4_0: return (double(split_nibble(b + 2, i, 16)) - 8) * f16(b);
        case QuantType::Q4_1: return double(split_nibble(b + 4, i, 16)) * f16(b) + f16(b + 2);
        case QuantType::Q5_0: return (double(split_nibble(b + 6, i, 16) + 16 * bits(u32(b + 2), i, 1)) - 16) * f16(b);
        case QuantType::Q5_1: return double(split_nibble(b + 8, i, 16) + 16 * bits(u32(b + 4), i, 1)) * f16(b) + f16(b + 2);
        case QuantType::Q8_0: return i8(b[2 + i]) * f16(b);
        case QuantType::IQ4_NL: return f16(b) * level_iq4(split_nibble(b + 2, i, 16));
        case QuantType::Q1_0: return bits(b[2 + i / 8], i % 8, 1) ? f16(b) : -f16(b);
        case QuantType::Q2_0: return (double(bits(b[2 + i / 4], 2 * (i % 4), 2)) - 1) * f16(b);
        case QuantType::MXFP4: return level_e2m1(split_nibble(b + 1, i, 16)) * std::ldexp(1.0, b[0] - 128);
        case QuantType::NVFP4: {
            const int u = i / 16;
            return level_e2m1(split_nibble(b + 4 + 8 * u, i % 16, 8)) * ue4m3_half(b[u]);
        }
        case QuantType::Q2_K: {
            const double q = bits(b[16 + 32 * c + l], 2 * k, 2);
            return f16(b + 80) * lo(b[i / 16]) * q - f16(b + 82) * hi(b[i / 16]);
        }
        case QuantType::Q3_K: {
            const double   q  = double(bits(b[32 + 32 * c + l], 2 * k, 2) + 4 * bits(b[l], 4 * c + k, 1)) - 4;
            const int      s  = i / 16;
            const unsigned s4 = s < 8 ? lo(b[96 + s]) : hi(b[96 + s - 8]), s2 = bits(b[104 + s % 4], 2 * (s / 4), 2);
            return f16(b + 108) * (double(s4 + 16 * s2) - 32) * q;
        }
        case QuantType::Q4_K: case QuantType::Q5_K: {
            const bool     five = type == QuantType::Q5_K;
            const unsigned byte = b[(five ? 48 : 16) + 32 * (g / 2) + l];
            const double   q    = (g % 2 ? hi(byte) : lo(byte)) + (five ? 16 * bits(b[16 + l], g, 1) : 0);
            return f16(b) * six_bits(b, g, false) * q - f16(b + 2) * six_bits(b, g, true);
        }
        case QuantType::Q6_K: {
            const unsigned byte = b[64 * c + 32 * (k % 2) + l];
            const double   q    = double((k < 2 ? lo(byte) : hi(byte)) + 16 * bits(b[128 + 32 * c + l], 2 * k, 2)) - 32;
            return f16(b + 208) * i8(b[192 + i / 16]) * q;
        }
        case QuantType::Q8_K: return f32(b) * i8(b[4 + i]);
        case QuantType::IQ2_XXS: {
            const uint32_t w = u32(b + 6 + 8 * g);
            return f16(b) * (2 * bits(w, 28, 4) + 1) / 8 * grid_iq2_xxs()(b[2 + 8 * g + t], j) * sign(neg7(bits(w, 7 * t, 7), j));
        }
        case QuantType::IQ2_XS: {
            const uint32_t x = u16(b + 2 + 2 * (i / 8));
            const unsigned s = l < 16 ? lo(b[66 + g]) : hi(b[66 + g]);
            return f16(b) * (2 * s + 1) / 8 * grid_iq2_xs()(bits(x, 0, 9), j) * sign(neg7(bits(x, 9, 7), j));
        }
        case QuantType::IQ2_S: {
            const unsigned s = l < 16 ? lo(b[74 + g]) : hi(b[74 + g]), index = b[2 + i / 8] + 256 * bits(b[66 + g], 2 * t, 2);
            return f16(b) * (2 * s + 1) / 8 * grid_iq2_s()(index, j) * sign(bits(b[34 + i / 8], j, 1));
        }
        case QuantType::IQ3_XXS: {
            const uint32_t w = u32(b + 66 + 4 * g);
            return f16(b) * (2 * bits(w, 28, 4) + 1) / 4 * grid_iq3_xxs()(b[2 + i / 4], i % 4) * sign(neg7(bits(w, 7 * t, 7), j));
        }
        case QuantType::IQ3_S: {
            const unsigned s = g % 2 ? hi(b[106 + g / 2]) : lo(b[106 + g / 2]), index = b[2 + i / 4] + 256 * bits(b[66 + g], l / 4, 1);
            return f16(b) * (2 * s + 1) * grid_iq3_s()(index, i % 4) * sign(bits(b[74 + i / 8], j, 1));
        }
        case QuantType::IQ4_XS: {
            const unsigned low = g % 2 ? hi(b[4 + g / 2]) : lo(b[4 + g / 2]);
            return f16(b) * (double(low + 16 * bits(u16(b + 2), 2 * g, 2)) - 32) * level_iq4(split_nibble(b + 8 + 16 * g, l, 16));
        }
        case QuantType::IQ1_S: {
            const uint32_t x = u16(b + 34 + 2 * g);
            const double delta = bits(x, 15, 1) ? -0.125 : 0.125;
            return f16(b) * (2 * bits(x, 12, 3) + 1) * (grid_iq1()(b[2 + i / 8] + 256 * bits(x, 3 * t, 3), j) + delta);
        }
        case QuantType::IQ1_M: {
            const auto y = [&](int n) { return u16(b + 48 + 2 * n); };
            uint32_t d = 0;
            for (int n = 0; n < 4; n++) d += bits(y(n), 12, 4) << 4 * n;
            const unsigned s = bits(y(i / 64), 3 * (i % 64 / 16), 3), z = bits(b[32 + i / 16], 4 * (i / 8 % 2), 4);
            const double delta = z >= 8 ? -0.125 : 0.125;
            return oracle::value(gllm::f16{ uint16_t(d) }) * (2 * s + 1) * (grid_iq1()(b[i / 8] + 256 * (z % 8), j) + delta);
        }
        case QuantType::TQ2_0: return (double(bits(b[32 * c + l], 2 * k, 2)) - 1) * f16(b + 64);
        case QuantType::TQ1_0: {
            static const unsigned pow3[5] = { 1, 3, 9, 27, 81 };
            const int p = i < 160 ? i % 32 : i < 240 ? 32 + (i - 160) % 16 : 48 + (i - 240) % 4;
            const int n = i < 160 ? i / 32 : i < 240 ? (i - 160) / 16 : (i - 240) / 4;
            const unsigned v = b[p] * pow3[n] % 256;
            return (double(3 * v / 256) - 1) * f16(b + 52);
        }
        case QuantType::AWQ4: case QuantType::GPTQ4:            // s (q - z), a product minus a product: no zero is negative
            return f16(b) * split_nibble(b + 8, i, 64) - f16(b) * f16(b + 2);
        case QuantType::SQUEEZE: {
            unsigned code = 0;
            for (int n = 0; n < 3; n++) code += bits(b[2 + (3 * i + n) / 8], (3 * i + n) % 8, 1) << n;
            return f16(b) * f32(b + 98 + 4 * code);
        }
    }
    std::abort();
}

/// All weights of consecutive blocks.
inline std::vector<double> decode(QuantType type, const uint8_t* blocks, size_t weights) {
    const Format& f = format(type);
    std::vector<double> w(weights);
    for (size_t i = 0; i < weights; i++) w[i] = weight(type, blocks + i / f.weights * f.bytes, int(i % f.weights));
    return w;
}
inline std::vector<float> to_f32(const std::vector<double>& w) {
    std::vector<float> f(w.size());
    for (size_t i = 0; i < w.size(); i++) f[i] = oracle::round_to<float>(w[i]);
    return f;
}

// ---- making blocks ----------------------------------------------------------

/// Writes an f16 scale, wherever the format keeps it.
inline void put_half(const Format& f, uint8_t* block, size_t field, uint16_t h) {
    if (f.halves[field] != SPREAD) return put(block + f.halves[field], h, 2);
    for (int n = 0; n < 4; n++) block[49 + 2 * n] = uint8_t(lo(block[49 + 2 * n]) | bits(h, 4 * n, 4) << 4);
}

/// An f16 of random sign with 2^-10 <= |x| < 2^-4; with odd: now and then a zero or a subnormal.
inline uint16_t draw_half(Rng& rng, bool odd) {
    const unsigned sign = unsigned(rng.below(2)) << 15;
    switch (odd ? rng.below(16) : 15) {
        case 0:  return uint16_t(sign);
        case 1:  return uint16_t(sign | (1 + rng.below(1023)));
        default: return uint16_t(sign | (5 + rng.below(6)) << 10 | rng.below(1024));
    }
}
inline float draw_single(Rng& rng, bool odd) {
    const double sign = rng.below(2) ? -1 : 1;
    switch (odd ? rng.below(16) : 15) {
        case 0:  return float(sign * 0.0);
        case 1:  return float(sign * std::ldexp(rng.uniform(1, 2), -20));
        default: return float(sign * std::exp2(rng.uniform(-10, -4)));
    }
}

/// What the code bytes hold. The scales above them are sane and random; `plain` ones are neither zero nor subnormal.
enum class Fill { random, ones, zeros };

inline void make_block(Rng& rng, const Format& f, uint8_t* b, Fill fill, bool plain = false) {
    for (size_t i = 0; i < f.bytes; i++) b[i] = fill == Fill::random ? uint8_t(rng.bits() >> 56) : fill == Fill::ones ? 0xff : 0;
    for (size_t i = 0; i < f.halves.size(); i++)  put_half(f, b, i, draw_half(rng, !plain));
    for (size_t at : f.singles) put(b + at, oracle::bits_of(draw_single(rng, !plain)), 4);
    switch (f.type) {
        case QuantType::Q8_K:                                   // the sums agree with the codes
            for (size_t s = 0; s < 16; s++) {
                int sum = 0;
                for (size_t i = 0; i < 16; i++) sum += i8(b[4 + 16 * s + i]);
                put(b + 260 + 2 * s, uint64_t(sum), 2);
            }
            break;
        case QuantType::AWQ4: case QuantType::GPTQ4:            // zero points are the integers 0 .. 16
            put(b + 2, oracle::round_to<gllm::f16>(double(rng.below(17))).bits, 2);
            put(b + 4, 0, 4);
            break;
        case QuantType::MXFP4:
            b[0] = uint8_t(!plain && rng.below(16) == 0 && test::keeps_subnormals ? rng.below(2) : 117 + rng.below(8));
            break;
        case QuantType::NVFP4:
            for (int u = 0; u < 4; u++)
                b[u] = uint8_t(!plain && rng.below(16) == 0 ? rng.below(8) : (1 + rng.below(8)) << 3 | rng.below(8));
            break;
        default: break;
    }
}

/// n rows of k weights.
inline Bytes make_rows(Rng& rng, QuantType type, size_t n, size_t k, Fill fill = Fill::random, bool plain = false) {
    const Format& f = format(type);
    Bytes bytes(n * (k / f.weights) * f.bytes);
    for (size_t at = 0; at < bytes.size(); at += f.bytes) make_block(rng, f, bytes.data() + at, fill, plain);
    return bytes;
}

// ---- plain codes ------------------------------------------------------------

/// Code i of a row of 8, 4, 2 or 1 bits a weight.
inline double plain_code(int width, const uint8_t* row, size_t i) {
    switch (width) {
        case 8:  return i8(row[i]);
        case 4:  return double(bits(row[i / 2], int(4 * (i % 2)), 4)) - 8;
        case 2:  return double(bits(row[i / 4], int(2 * (i % 4)), 2)) - 2;
        default: return bits(row[i / 8], int(i % 8), 1) ? 1 : -1;
    }
}
inline size_t plain_row_bytes(int width, size_t k) { return (k * size_t(width) + 7) / 8; }

// ---- products ---------------------------------------------------------------

/// output[m][n] = x[m][k] W[n][k]^T. In place of a bound each gets the sum over groups of 32 inputs of max |x| * sum |w|, which
/// the promises of a quantised product are relative to.
template <class E> oracle::Want product(const E* x, const double* w, size_t m, size_t n, size_t k) {
    const size_t groups = (k + 31) / 32;
    std::vector<double> sums(n * groups), wide(k), most(groups);
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < k; i++) sums[j * groups + i / 32] += std::fabs(w[j * k + i]);
    oracle::Want want;
    for (size_t r = 0; r < m; r++) {
        std::fill(most.begin(), most.end(), 0.0);
        for (size_t i = 0; i < k; i++) {
            wide[i] = oracle::value(x[r * k + i]);
            most[i / 32] = std::fmax(most[i / 32], std::fabs(wide[i]));
        }
        for (size_t j = 0; j < n; j++) {
            double sum = 0, bound = 0;
            for (size_t i = 0; i < k; i++) sum += wide[i] * w[j * k + i];
            for (size_t g = 0; g < groups; g++) bound += most[g] * sums[j * groups + g];
            want.add(sum, bound);
        }
    }
    return want;
}

/// Bounds from those sums: what this precision promises over k, `times` over, and what underflow of f32 may cost. Beyond the range of f32
/// anything goes.
inline oracle::Want promised(oracle::Want want, gllm::Precision precision, size_t k, double times = 1) {
    const double rate = times * (precision == gllm::Precision::exact ? oracle::product_units(k) * oracle::U : oracle::FAST);
    for (size_t i = 0; i < want.size(); i++) {
        double& b = want.bound[i];
        b = !(b <= oracle::MAX_F32) ? oracle::INF : rate * b + double(k) * oracle::MIN_SUBNORMAL;
    }
    return want;
}

} // namespace quant

#endif
