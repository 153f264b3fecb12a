// KvCache: catches a page shared by mistake, lost, freed twice or written after a fork; an append that fails halfway; a swapped
// sequence that comes back changed, or a damaged stream that comes back at all; rounding of the types; allocations while decoding.
// SPDX-License-Identifier: MIT
#define GLLM_KERNELS_MODEL
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "harness.hpp"

#include <cstring>

using namespace test;
using gllm::CacheType;
using gllm::Code;
using gllm::KvCache;
using gllm::KvCacheConfig;
using gllm::KvView;
using gllm::Status;

static bool ok(const Status& s) { CHECK_MESSAGE(s, "refused: " << text(s.what)); return bool(s); }
static constexpr CacheType TYPES[] = { CacheType::f32, CacheType::f16, CacheType::bf16, CacheType::Q8_0 };

// ---- reading a view, by the picture of KvRows -----------------------------------

static const unsigned char* page_of(const KvView& v, const gllm::KvRows& r, size_t head, size_t token) {
    return static_cast<const unsigned char*>(r.data) + size_t(v.pages[token / 16]) * v.page_stride + head * r.head_stride;
}
static double element(const unsigned char* p, CacheType type) {
    float f;
    uint16_t h;
    switch (type) {
        case CacheType::f32: memcpy(&f, p, 4); return double(f);
        case CacheType::f16: memcpy(&h, p, 2); return double(gllm::Element<gllm::f16>::to_f32({ h }));
        case CacheType::bf16: memcpy(&h, p, 2); return double(gllm::Element<gllm::bf16>::to_f32({ h }));
        default: return 0;
    }
}
static size_t bytes_of(CacheType type) { return type == CacheType::f32 ? 4 : 2; }
static double key_of(const KvView& v, size_t head, size_t token, size_t i) {
    const unsigned char* p = page_of(v, v.keys, head, token);
    if (v.keys.type != CacheType::Q8_0) return element(p + (i * 16 + token % 16) * bytes_of(v.keys.type), v.keys.type);
    return double(reinterpret_cast<const signed char*>(p)[i * 16 + token % 16]) *
           element(p + v.head_dim * 16 + (i / 32 * 16 + token % 16) * 2, CacheType::f16);
}
static double value_of(const KvView& v, size_t head, size_t token, size_t i) {
    const unsigned char* p = page_of(v, v.values, head, token) + token % 16 * v.values.token_stride;
    if (v.values.type != CacheType::Q8_0) return element(p + i * bytes_of(v.values.type), v.values.type);
    return double(reinterpret_cast<const signed char*>(p)[i / 32 * 34 + 2 + i % 32]) * element(p + i / 32 * 34, CacheType::f16);
}
/// The error that storing x may make; `most` is the largest of its 32.
static double allowance(CacheType type, double x, double most) {
    switch (type) {
        case CacheType::f32: return 0;
        case CacheType::f16: return std::max(std::fabs(x) * 0x1p-11, 0x1p-25);
        case CacheType::bf16: return std::fabs(x) * 0x1p-8;
        default: return most / 127 * 0.51 + most * 0x1p-11 + 0x1p-25 * 127;             // half a step; that of the scale
    }
}

// ---- the model: a vector for each sequence ----------------------------------------

struct Plain {
    size_t layers, heads, dim;
    std::vector<std::vector<float>> tokens;                         // [seq]: [token][layer][2][heads][dim]
    size_t width() const { return layers * 2 * heads * dim; }
    size_t length(size_t seq) const { return tokens[seq].size() / width(); }
    const float* at(size_t seq, size_t token, size_t layer, size_t side) const {
        return &tokens[seq][token * width() + (layer * 2 + side) * heads * dim];
    }
};

/// Does every number of the cache stand where and as it should?
static void compare(const KvCache& cache, const Plain& plain, CacheType keys, CacheType values) {
    for (size_t seq = 0; seq < plain.tokens.size(); seq++) {
        REQUIRE(cache.length(seq) == plain.length(seq));
        for (size_t layer = 0; layer < plain.layers; layer++) {
            const KvView v = cache.view(seq, layer);
            REQUIRE(v.length == plain.length(seq));
            double worst = 0;
            for (size_t t = 0; t < v.length; t++)
                for (size_t side = 0; side < 2; side++) {
                    const float* const x = plain.at(seq, t, layer, side);
                    for (size_t h = 0; h < plain.heads; h++)
                        for (size_t i = 0; i < plain.dim; i++) {
                            double most = 0;
                            for (size_t j = i / 32 * 32; j < i / 32 * 32 + 32 && j < plain.dim; j++) most = std::max(most, std::fabs(double(x[h * plain.dim + j])));
                            const double want = double(x[h * plain.dim + i]), got = side ? value_of(v, h, t, i) : key_of(v, h, t, i);
                            const double room = allowance(side ? values : keys, want, most);
                            worst = std::max(worst, std::fabs(got - want) - room);
                        }
                }
            REQUIRE(worst <= 0);
        }
    }
}

/// Pages that sequences name, counted once each.
static size_t pages_used(const KvCache& cache, const Plain& plain) {
    std::vector<uint32_t> all;
    for (size_t seq = 0; seq < plain.tokens.size(); seq++)
        for (size_t layer = 0; layer < plain.layers; layer++) {
            const KvView v = cache.view(seq, layer);
            all.insert(all.end(), v.pages, v.pages + (v.length + 15) / 16);
        }
    std::sort(all.begin(), all.end());
    return size_t(std::unique(all.begin(), all.end()) - all.begin());
}

static std::vector<float> some(Rng& rng, size_t n) {
    std::vector<float> x(n);
    for (float& v : x) v = float(rng.gaussian());
    return x;
}
static bool append(KvCache& cache, Plain& plain, size_t seq, size_t n, Rng& rng) {
    const size_t row = plain.heads * plain.dim;
    const std::vector<float> all = some(rng, n * plain.width());
    for (size_t layer = 0; layer < plain.layers; layer++) {
        std::vector<float> side[2];
        for (size_t t = 0; t < n; t++)
            for (size_t s = 0; s < 2; s++) {
                const float* from = &all[t * plain.width() + (layer * 2 + s) * row];
                side[s].insert(side[s].end(), from, from + row);
            }
        const Status s = cache.append(seq, layer, side[0].data(), side[1].data(), n);
        if (!s) {
            CHECK(layer == 0);                                      // all or nothing
            CHECK(s.code == Code::out_of_memory);
            CHECK(cache.error().requested > cache.error().available);
            return false;
        }
    }
    plain.tokens[seq].insert(plain.tokens[seq].end(), all.begin(), all.end());
    return true;
}

struct Stream {
    std::vector<unsigned char> bytes;
    size_t at = 0, end = SIZE_MAX;                                  // refuses to go beyond
    static bool write(void* user, const void* data, size_t n) {
        Stream& s = *static_cast<Stream*>(user);
        if (s.bytes.size() + n > s.end) return false;
        s.bytes.insert(s.bytes.end(), static_cast<const unsigned char*>(data), static_cast<const unsigned char*>(data) + n);
        return true;
    }
    static bool read(void* user, void* data, size_t n) {
        Stream& s = *static_cast<Stream*>(user);
        if (n > s.bytes.size() - s.at) return false;
        memcpy(data, s.bytes.data() + s.at, n);
        s.at += n;
        return true;
    }
};

static KvCacheConfig config_of(size_t layers, size_t heads, size_t dim, size_t sequences, size_t pages, CacheType keys, CacheType values) {
    KvCacheConfig c;
    c.layers = layers, c.kv_heads = heads, c.head_dim = dim, c.sequences = sequences, c.pages = pages, c.key_type = keys, c.value_type = values;
    return c;
}

// ---- cases ------------------------------------------------------------------------

TEST_CASE("random operations against a plain cache") {
    for (size_t round = 0; round < (small() ? 6u : 24u); round++) {
        Rng rng(round);
        const CacheType keys = TYPES[round % 4], values = TYPES[round / 4 % 4];
        Plain plain = { 1 + rng.below(3), 1 + rng.below(3), 32, {} };
        const size_t sequences = 1 + rng.below(4), pages = plain.layers * (3 + rng.below(9));
        plain.tokens.resize(sequences);
        KvCache cache;
        REQUIRE(ok(cache.init(config_of(plain.layers, plain.heads, plain.dim, sequences, pages, keys, values))));
        std::vector<Stream> swapped;
        std::vector<std::vector<float>> swapped_tokens;
        const long before = allocations_ever();
        for (size_t step = 0; step < 60; step++) {
            const size_t seq = rng.below(sequences), length = plain.length(seq);
            switch (rng.below(8)) {
                case 0: case 1: case 2: case 3: append(cache, plain, seq, 1 + rng.below(rng.below(4) ? 4 : 40), rng); break;
                case 4: {
                    const size_t keep = rng.below(length + 1);
                    ok(cache.truncate(seq, keep));
                    plain.tokens[seq].resize(keep * plain.width());
                    break;
                }
                case 5: {
                    const size_t to = rng.below(sequences), keep = rng.below(length + 1);
                    const Status s = cache.fork(seq, to, keep);
                    CHECK(bool(s) == (to != seq));
                    if (s) plain.tokens[to].assign(plain.tokens[seq].begin(), plain.tokens[seq].begin() + ptrdiff_t(keep * plain.width()));
                    break;
                }
                case 6: {
                    Stream s;
                    ok(cache.swap_out(seq, Stream::write, &s));
                    swapped.push_back(s);
                    swapped_tokens.push_back(plain.tokens[seq]);
                    plain.tokens[seq].clear();
                    break;
                }
                default: {
                    if (swapped.empty()) break;
                    const Status s = cache.swap_in(seq, Stream::read, &swapped.back());
                    swapped.back().at = 0;
                    if (!s) { CHECK(s.code == (length ? Code::invalid_argument : Code::out_of_memory)); break; }
                    CHECK(length == 0);
                    plain.tokens[seq] = swapped_tokens.back();
                    swapped.pop_back(), swapped_tokens.pop_back();
                }
            }
            compare(cache, plain, keys, values);
            REQUIRE(cache.stats().pages - cache.stats().free_pages == pages_used(cache, plain));
        }
        CHECK(allocations_ever() == before);
        for (size_t seq = 0; seq < sequences; seq++) ok(cache.reset_seq(seq));
        CHECK(cache.stats().free_pages == cache.stats().pages);
    }
    CHECK(overruns() == 0);
}

TEST_CASE("a damaged stream is refused and changes nothing") {
    Rng rng(1);
    Plain plain = { 2, 1, 32, { {}, {} } };
    KvCache cache;
    REQUIRE(ok(cache.init(config_of(2, 1, 32, 2, 8, CacheType::f16, CacheType::Q8_0))));
    append(cache, plain, 0, 19, rng);
    Stream whole;
    ok(cache.swap_out(0, Stream::write, &whole));
    plain.tokens[0].clear();
    for (size_t n = 0; n < whole.bytes.size(); n++) {               // ends early
        Stream cut = whole;
        cut.bytes.resize(n);
        const Status s = cache.swap_in(0, Stream::read, &cut);
        REQUIRE(s.code == Code::io_error);
        REQUIRE(cache.stats().free_pages == 8);
    }
    for (size_t bit = 0; bit < whole.bytes.size() * 8; bit += 1 + rng.below(9)) {
        Stream bent = whole;
        bent.bytes[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
        REQUIRE(!cache.swap_in(0, Stream::read, &bent));
        REQUIRE(cache.stats().free_pages == 8);
    }
    KvCache other;
    REQUIRE(ok(other.init(config_of(2, 1, 64, 1, 8, CacheType::f16, CacheType::Q8_0))));
    Stream again = whole;
    CHECK(other.swap_in(0, Stream::read, &again).code == Code::invalid_argument);
    append(cache, plain, 1, 5, rng);
    again = whole;
    CHECK(cache.swap_in(1, Stream::read, &again).code == Code::invalid_argument);         // not empty
    again = whole;
    ok(cache.swap_in(0, Stream::read, &again));
    CHECK(cache.length(0) == 19);
    Stream narrow;
    narrow.end = 100;
    CHECK(cache.swap_out(0, Stream::write, &narrow).code == Code::io_error);
    CHECK(cache.length(0) == 19);
}

TEST_CASE("a stream holds what the sequence has, and nothing of others or of what it was cut off from") {
    for (size_t round = 0; round < 32; round++) {
        const CacheType keys = TYPES[round % 4], values = TYPES[round / 4 % 4];
        const size_t    dim = round < 16 ? 32 : 96, own = 16 * (round % 3) + 1 + round % 15;
        Stream streams[3];
        for (size_t other = 0; other < 3; other++) {                // alone; cut off from more; sharing with one that goes on
            Rng rng(round), more(round * 3 + other);
            Plain plain = { 2, 3, dim, { {}, {} } };
            KvCache cache;
            REQUIRE(ok(cache.init(config_of(2, 3, dim, 2, 16, keys, values))));
            REQUIRE(append(cache, plain, 0, own, rng));
            if (other) REQUIRE(append(cache, plain, 0, 1 + round % 7, more));
            if (other == 1) ok(cache.truncate(0, own));
            if (other == 2) {
                ok(cache.fork(0, 1, own));
                ok(cache.swap_out(1, Stream::write, &streams[other]));
            } else {
                ok(cache.swap_out(0, Stream::write, &streams[other]));
            }
            const size_t seq = other == 2;
            plain.tokens[0].resize(own * plain.width());
            plain.tokens[1].clear();
            if (seq) ok(cache.truncate(0, own));
            else     plain.tokens[1].swap(plain.tokens[0]);
            REQUIRE(streams[other].bytes.size() == streams[0].bytes.size());
            REQUIRE(memcmp(streams[other].bytes.data(), streams[0].bytes.data(), streams[0].bytes.size()) == 0);
            for (size_t n = 0; n < streams[other].bytes.size(); n += 1 + rng.below(999)) {
                Stream cut = streams[other];
                cut.bytes[n] ^= 4;
                REQUIRE(!cache.swap_in(1, Stream::read, &cut));
                REQUIRE(cache.length(1) == 0);
            }
            ok(cache.swap_in(1, Stream::read, &streams[other]));
            if (seq) plain.tokens[1] = plain.tokens[0];
            compare(cache, plain, keys, values);
        }
    }
}

TEST_CASE("a full pool") {
    Rng rng(2);
    Plain plain = { 3, 2, 8, { {}, {} } };
    KvCache cache;
    REQUIRE(ok(cache.init(config_of(3, 2, 8, 2, 3 * 2, CacheType::f32, CacheType::f32))));
    CHECK(append(cache, plain, 0, 16, rng));
    CHECK(append(cache, plain, 1, 10, rng));
    CHECK(!append(cache, plain, 0, 1, rng));                        // needs a page of each layer, and none is free
    CHECK(cache.error().requested == 3);
    CHECK(cache.error().available == 0);
    CHECK(append(cache, plain, 1, 6, rng));
    compare(cache, plain, CacheType::f32, CacheType::f32);
    ok(cache.fork(0, 1, 9));                                        // a page shared, and its copy
    plain.tokens[1].assign(plain.tokens[0].begin(), plain.tokens[0].begin() + ptrdiff_t(9 * plain.width()));
    CHECK(cache.stats().free_pages == 3);
    CHECK(append(cache, plain, 1, 7, rng));
    CHECK(cache.stats().free_pages == 0);
    compare(cache, plain, CacheType::f32, CacheType::f32);
}

TEST_CASE("what is wrong is told") {
    KvCache cache;
    float x[64] = {};
    CHECK(!cache.append(0, 0, x, x, 1));                            // not initialised
    CHECK(cache.length(0) == 0);
    CHECK(cache.view(0, 0).length == 0);
    for (const KvCacheConfig& c : { config_of(0, 1, 8, 1, 4, CacheType::f32, CacheType::f32), config_of(1, 0, 8, 1, 4, CacheType::f32, CacheType::f32),
                                    config_of(1, 1, 12, 1, 4, CacheType::f32, CacheType::f32), config_of(1, 1, 8, 1, 4, CacheType::Q8_0, CacheType::f32),
                                    config_of(1, 1, 8, 0, 4, CacheType::f32, CacheType::f32), config_of(4, 1, 8, 1, 3, CacheType::f32, CacheType::f32),
                                    config_of(1, 1, 8, 1, SIZE_MAX, CacheType::f32, CacheType::f32), config_of(1, 1, 584, 1, 4, CacheType::f32, CacheType::f32) })
        CHECK(cache.init(c).code == Code::invalid_argument);
    fail_allocations(true);
    CHECK(cache.init(config_of(1, 1, 8, 1, 4, CacheType::f32, CacheType::f32)).code == Code::out_of_memory);
    fail_allocations(false);
    REQUIRE(ok(cache.init(config_of(1, 1, 8, 1, 4, CacheType::f32, CacheType::f32))));
    CHECK(cache.append(1, 0, x, x, 1).code == Code::invalid_argument);
    CHECK(cache.append(0, 1, x, x, 1).code == Code::invalid_argument);
    CHECK(cache.append(0, 0, nullptr, x, 1).code == Code::invalid_argument);
    CHECK(cache.append(0, 0, x, x, SIZE_MAX).code == Code::out_of_memory);
    CHECK(cache.fork(0, 0, 0).code == Code::invalid_argument);
    CHECK(cache.swap_out(0, nullptr, nullptr).code == Code::invalid_argument);
    ok(cache.append(0, 0, x, x, 8));
    CHECK(cache.stats().free_pages == 3);
    REQUIRE(ok(cache.init(config_of(1, 1, 8, 1, 2, CacheType::f32, CacheType::f32))));     // anew
    CHECK(cache.length(0) == 0);
    CHECK(cache.stats().free_pages == 2);
}

TEST_CASE("a pool of so many bytes, from hooks of the user's") {
    static size_t given, released;
    KvCacheConfig c = config_of(2, 2, 64, 3, 0, CacheType::f16, CacheType::f16);
    c.bytes    = 1 << 20;
    c.allocate = [](void*, size_t bytes) { given = bytes; return malloc(bytes); };
    CHECK(KvCache().init(c).code == Code::invalid_argument);        // allocate without release
    c.release  = [](void*, void* p) { released++; free(p); };
    {
        KvCache cache;
        REQUIRE(ok(cache.init(c)));
        CHECK(given <= size_t(1) << 20);
        CHECK(cache.stats().bytes == given);
        CHECK(cache.stats().pages >= 120);                          // of 8 KiB
        CHECK(KvCache::page_bytes(c) == 8192);
    }
    CHECK(released == 1);
}

TEST_CASE("extreme keys and values") {
    KvCache cache;
    REQUIRE(ok(cache.init(config_of(1, 1, 32, 1, 1, CacheType::Q8_0, CacheType::Q8_0))));
    const double huge[] = { 0, 1e-42, 1e-9, 65504.0 * 127, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN() };
    for (double most : huge) {
        std::vector<float> x(32, 0.0f);
        x[3] = float(most), x[4] = float(-most / 2);
        ok(cache.append(0, 0, x.data(), x.data(), 1));
        const KvView  v = cache.view(0, 0);
        const double got = key_of(v, 0, v.length - 1, 3), value = value_of(v, 0, v.length - 1, 3);
        if (most - most == 0) CHECK(std::fabs(got - most) <= allowance(CacheType::Q8_0, most, most));
        else                  CHECK(!(got - got == 0));             // not a number that looks sound
        CHECK((value == got || (value != value && got != got)));
    }
}
