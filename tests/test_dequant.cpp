// dequant and what a format is: catches a misread bit of any format, bits that depend on the instruction set or on alignment, reads
// and writes out of bounds, corrupt scales that crash or vanish, and wrong tables. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "quant_oracle.hpp"

#include <iterator>

using namespace test;
using gllm::CpuKernels;
using gllm::Status;
using quant::Bytes;
using quant::Fill;
using quant::Format;
using quant::formats;

/// dequant of these blocks gives these bits, on every instruction set, wherever blocks and output lie.
static void check_blocks(const Format& f, const std::string& at, const Bytes& bytes, const std::vector<float>& want) {
    for (Edge edge : { Edge::end, Edge::begin }) {
        const Guarded<uint8_t> blocks(bytes, edge);
        check_bits<float>(f.name.c_str(), at + (edge == Edge::end ? " at the end of a page" : " at the beginning of a page"), want,
                          [&](const CpuKernels<float>& k, float* out) {
                              const Status s = k.dequant(f.type, blocks.data(), out, want.size());
                              CHECK_MESSAGE(s, "refused: " << std::string(s.what));
                          });
    }
}

// ---- golden files -----------------------------------------------------------

struct Golden { Bytes blocks; std::vector<float> weights; };

static Golden golden(const Format& f, const std::string& name) {
    const std::string path = "tests/data/golden/" + name + ".bin";
    std::ifstream file(path, std::ios::binary);
    const Bytes bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    INFO(path << ", to be read from the repository");
    REQUIRE(bytes.size() > 20);
    REQUIRE(std::memcmp(bytes.data(), "GKGV\1\0\0\0", 8) == 0);
    REQUIRE(quant::u32(&bytes[8]) == f.weights);
    REQUIRE(quant::u32(&bytes[12]) == f.bytes);
    const size_t blocks = quant::u32(&bytes[16]);
    REQUIRE(blocks >= 16);
    REQUIRE(bytes.size() == 20 + blocks * (f.bytes + 4 * f.weights));
    Golden g;
    g.blocks.assign(bytes.begin() + 20, bytes.begin() + long(20 + blocks * f.bytes));
    for (size_t i = 0; i < blocks * f.weights; i++)
        g.weights.push_back(oracle::bit_cast<float>(quant::u32(&bytes[20 + blocks * f.bytes + 4 * i])));
    return g;
}

static std::vector<std::pair<const Format*, std::string>> golden_files() {
    std::vector<std::pair<const Format*, std::string>> files;
    for (const Format& f : formats())
        if (f.golden) files.push_back({ &f, f.golden });
    files.push_back({ &quant::format(gllm::QuantType::MXFP4), "mxfp4_allscales" });
    files.push_back({ &quant::format(gllm::QuantType::NVFP4), "nvfp4_allscales" });
    return files;
}

TEST_CASE("golden files: the oracle") {
    for (const auto& file : golden_files()) {
        const Golden g = golden(*file.first, file.second);
        const std::vector<float> w = quant::to_f32(quant::decode(file.first->type, g.blocks.data(), g.weights.size()));
        const std::string wrong = differ(w.data(), g.weights.data(), w.size());
        CHECK_MESSAGE(wrong.empty(), file.second << ": " << wrong);
    }
}

TEST_CASE("golden files: dequant") {
    for (const auto& file : golden_files()) {
        const Golden g = golden(*file.first, file.second);
        check_blocks(*file.first, "golden " + file.second, g.blocks, g.weights);
    }
}

template <class E> struct Named {
    const char* golden;
    Status (CpuKernels<E>::*dequant)(const void*, float*, size_t) const;
};

TEST_CASE_TEMPLATE("golden files: every dequant by its name", E, ELEMENTS) {
    using K = CpuKernels<E>;
    const Named<E> names[] = {
        { "q2_k", &K::dequant_q2_k },       { "q3_k", &K::dequant_q3_k },     { "q4_k", &K::dequant_q4_k },
        { "q5_k", &K::dequant_q5_k },       { "q6_k", &K::dequant_q6_k },     { "q8_k", &K::dequant_q8_k },
        { "iq1_s", &K::dequant_iq1_s },     { "iq1_m", &K::dequant_iq1_m },   { "iq2_xxs", &K::dequant_iq2_xxs },
        { "iq2_xs", &K::dequant_iq2_xs },   { "iq2_s", &K::dequant_iq2_s },   { "iq3_xxs", &K::dequant_iq3_xxs },
        { "iq3_s", &K::dequant_iq3_s },     { "iq4_nl", &K::dequant_iq4_nl }, { "iq4_xs", &K::dequant_iq4_xs },
    };
    for (const Named<E>& named : names)
        for (const auto& file : golden_files()) {
            if (file.second != named.golden) continue;
            const Golden g = golden(*file.first, file.second);
            for_each_isa<E>([&](const K& k, const char* isa) {
                TEST_INFO("dequant", isa, E, named.golden);
                Fenced<float> by_name(g.weights.size()), by_type(g.weights.size(), 1);
                CHECK((k.*named.dequant)(g.blocks.data(), by_name.data(), by_name.size()));
                CHECK(k.dequant(file.first->type, g.blocks.data(), by_type.data(), by_type.size()));
                const std::string wrong = differ(by_name.data(), g.weights.data(), by_name.size())
                                        + differ(by_type.data(), g.weights.data(),
                                            by_type.size()) + by_name.broken() + by_type.broken();
                CHECK_MESSAGE(wrong.empty(), wrong);
            });
        }
    Rng rng(3);
    const Bytes blocks = quant::make_rows(rng, gllm::QuantType::SQUEEZE, 1, 1024);
    const std::vector<float> want = quant::to_f32(quant::decode(gllm::QuantType::SQUEEZE, blocks.data(), 1024));
    for_each_isa<E>([&](const K& k, const char* isa) {
        TEST_INFO("dequant_squeeze", isa, E, "");
        Fenced<float> out(1024);
        CHECK(k.dequant_squeeze(blocks.data(), out.data(), 1024));
        const std::string wrong = differ(out.data(), want.data(), 1024) + out.broken();
        CHECK_MESSAGE(wrong.empty(), wrong);
    });
}

// ---- random blocks ----------------------------------------------------------

TEST_CASE("random blocks") {
    for (const Format& f : formats()) {
        Rng rng(uint64_t(f.type) + 100);
        Sizes counts = { 1, 2, 3, 5, 7, 8, 17 };
        if (!small()) counts.insert(counts.end(), { 64, 2000 });
        for (size_t blocks : counts) {
            const Bytes bytes = quant::make_rows(rng, f.type, 1, blocks * f.weights);
            check_blocks(f, std::to_string(blocks) + " blocks", bytes,
                         quant::to_f32(quant::decode(f.type, bytes.data(), blocks * f.weights)));
        }
        for (Fill fill : { Fill::ones, Fill::zeros }) {
            const Bytes bytes = quant::make_rows(rng, f.type, 1, 5 * f.weights, fill);
            check_blocks(f, fill == Fill::ones ? "all bits set" : "all bits clear", bytes,
                         quant::to_f32(quant::decode(f.type, bytes.data(), 5 * f.weights)));
        }
    }
}

TEST_CASE("every value of every byte") {                        // of random blocks, one byte at a time
    if (small()) return;
    for (const Format& f : formats()) {
        Rng rng(uint64_t(f.type) + 200);
        Bytes bytes;
        Bytes block(f.bytes);
        for (size_t at = 0; at < f.bytes; at++) {
            bool scale = at < 1 && f.type == gllm::QuantType::MXFP4;
            for (size_t h : f.halves)  scale |= h == quant::SPREAD ? at >= 48 : at - h < 2;
            for (size_t s : f.singles) scale |= at - s < 4;
            if (scale) continue;
            quant::make_block(rng, f, block.data(), Fill::random, true);
            const size_t first = bytes.size();
            for (unsigned v = 0; v < 256; v += f.weights == 256 ? 15 : 5) {
                bytes.insert(bytes.end(), block.begin(), block.end());
                bytes[bytes.size() - f.bytes + at] = uint8_t(v);
            }
            CHECK(bytes.size() > first);
        }
        const std::vector<float> want = quant::to_f32(quant::decode(f.type, bytes.data(), bytes.size() / f.bytes * f.weights));
        for_each_isa<float>([&](const CpuKernels<float>& k, const char* isa) {
            TEST_INFO("dequant", isa, float, f.name);
            std::vector<float> out(want.size());
            CHECK(k.dequant(f.type, bytes.data(), out.data(), out.size()));
            const std::string wrong = differ(out.data(), want.data(), out.size());
            CHECK_MESSAGE(wrong.empty(), wrong);
        });
    }
}

TEST_CASE("extreme scales") {                                   // the largest f16, subnormals, both zeros, products beyond f32
    for (const Format& f : formats()) {
        Rng rng(uint64_t(f.type) + 300);
        Bytes bytes;
        Bytes block(f.bytes);
        for (unsigned h : { 0x7bffu, 0xfbffu, 1u, 0x8001u, 0x03ffu, 0x0400u, 0x8000u, 0u, 0x3c00u }) {
            quant::make_block(rng, f, block.data(), Fill::random, true);
            for (size_t i = 0; i < f.halves.size(); i++) {
                const bool zero_point = i == 1 && (f.type == gllm::QuantType::AWQ4 || f.type == gllm::QuantType::GPTQ4);
                if (!zero_point) quant::put_half(f, block.data(), i, uint16_t(i ? h ^ 0x8000 : h));
            }
            bytes.insert(bytes.end(), block.begin(), block.end());
        }
        if (f.type == gllm::QuantType::Q8_K || f.type == gllm::QuantType::SQUEEZE)
            for (uint32_t s : { 0x7f7fffffu, 0xff7fffffu, 0x00800000u, 0x80000000u, 0x00000001u, 0x807fffffu, 0x00400000u, 0x3effffffu }) {
                if (!keeps_subnormals && (s << 1) < 0x01000000u) continue;
                quant::make_block(rng, f, block.data(), Fill::random, true);
                for (size_t i = 0; i < f.singles.size(); i += 2) quant::put(block.data() + f.singles[i], s, 4);
                bytes.insert(bytes.end(), block.begin(), block.end());
            }
        check_blocks(f, "extreme scales", bytes, quant::to_f32(quant::decode(f.type, bytes.data(),
            bytes.size() / f.bytes * f.weights)));
    }
}

TEST_CASE("blocks at every alignment") {
    for (const Format& f : formats()) {
        Rng rng(uint64_t(f.type) + 400);
        const size_t n = 3 * f.weights;
        const Bytes  bytes = quant::make_rows(rng, f.type, 1, n);
        const std::vector<float> want = quant::to_f32(quant::decode(f.type, bytes.data(), n));
        for_each_isa<float>([&](const CpuKernels<float>& k, const char* isa) {
            for (size_t offset = 0; offset < 64; offset++) {
                TEST_INFO("dequant", isa, float, f.name << " blocks at offset " << offset);
                Guarded<uint8_t> store(bytes.size() + offset, Edge::begin);
                std::memcpy(store.data() + offset, bytes.data(), bytes.size());
                Fenced<float> out(n, offset + 1);
                CHECK(k.dequant(f.type, store.data() + offset, out.data(), n));
                const std::string wrong = differ(out.data(), want.data(), n) + out.broken();
                CHECK_MESSAGE(wrong.empty(), wrong);
                if (small() && offset >= 3) break;
            }
        });
    }
}

TEST_CASE_TEMPLATE("n = 0", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        for (const Format& f : formats()) {
            TEST_INFO("dequant", isa, E, f.name);
            Fenced<float> out(f.weights);
            uint8_t byte = 0;
            CHECK(k.dequant(f.type, &byte, out.data(), 0));
            CHECK(k.dequant(f.type, nullptr, out.data(), 0));
            CHECK(k.dequant(f.type, nullptr, nullptr, 0));
            CHECK(out.untouched());
        }
    });
}

// ---- corrupt blocks ---------------------------------------------------------

constexpr uint16_t BAD_HALVES[]  = { 0x7c00, 0xfc00, 0x7e00, 0xfe01, 0x7c01 };
constexpr uint32_t BAD_SINGLES[] = { 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001 };

/// corrupt(block, variant) for every scale field of the format and every way to spoil it; each(spoil) is called with a
/// function that does one of them.
template <class F> void each_corruption(const Format& f, F each) {
    for (size_t i = 0; i < f.halves.size(); i++)
        for (uint16_t h : BAD_HALVES) each([&f, i, h](uint8_t* block) { quant::put_half(f, block, i, h); });
    for (size_t at : f.singles)
        for (uint32_t s : BAD_SINGLES) each([at, s](uint8_t* block) { quant::put(block + at, s, 4); });
}

TEST_CASE("a NaN or an infinity among the scales stays visible, in its own weights only") {
    for (const Format& f : formats()) {
        const size_t n = 3 * f.weights;
        Rng rng(uint64_t(f.type) + 500);
        const Bytes sane = quant::make_rows(rng, f.type, 1, n);
        each_corruption(f, [&](auto spoil) {
            Guarded<uint8_t> blocks(sane);
            spoil(blocks.data() + f.bytes);
            const std::vector<double> want = quant::decode(f.type, blocks.data(), n);
            for_each_isa<float>([&](const CpuKernels<float>& k, const char* isa) {
                TEST_INFO("dequant", isa, float, f.name << " corrupt");
                Fenced<float> out(n);
                CHECK(k.dequant(f.type, blocks.data(), out.data(), n));
                CHECK(out.broken().empty());
                size_t wrong = 0;
                for (size_t i = 0; i < n; i++)
                    wrong += std::isfinite(want[i]) ? !same(out[i], oracle::round_to<float>(want[i])) : std::isfinite(out[i]);
                CHECK(wrong == 0);
            });
        });
    }
}

TEST_CASE("validate_blocks") {
    for (const Format& f : formats()) {
        INFO(f.name);
        Rng rng(uint64_t(f.type) + 600);
        const size_t blocks = 9;
        const Bytes  sane = quant::make_rows(rng, f.type, 1, blocks * f.weights);
        Guarded<uint8_t> some(sane);
        CHECK(gllm::validate_blocks(f.type, some.data(), some.size()));
        CHECK(gllm::validate_blocks(f.type, some.data(), f.bytes));
        CHECK(gllm::validate_blocks(f.type, some.data(), 0));
        CHECK(gllm::validate_blocks(f.type, nullptr, 0));
        const auto refused = [](Status s) { return s.code == gllm::Code::invalid_argument && s.what && *s.what; };
        CHECK(refused(gllm::validate_blocks(f.type, nullptr, f.bytes)));
        for (size_t bytes : { size_t(1), f.bytes - 1, f.bytes + 1, 2 * f.bytes - 1, sane.size() - 1 })
            CHECK(refused(gllm::validate_blocks(f.type, some.data(), bytes)));
        for (size_t at = 0; at < blocks; at++)
            each_corruption(f, [&](auto spoil) {
                std::copy(sane.begin(), sane.end(), some.data());
                spoil(some.data() + at * f.bytes);
                const Status s = gllm::validate_blocks(f.type, some.data(), some.size());
                CHECK(!s);
                CHECK((s.what && *s.what));
            });
        for (unsigned h : { 0x7bffu, 0xfbffu, 0u, 0x8000u, 1u, 0x83ffu }) {     // odd, but numbers
            std::copy(sane.begin(), sane.end(), some.data());
            for (size_t i = 0; i < f.halves.size(); i++) quant::put_half(f, some.data() + 8 * f.bytes, i, uint16_t(h));
            CHECK(gllm::validate_blocks(f.type, some.data(), some.size()));
        }
        if (f.type == gllm::QuantType::IQ1_M) continue;         // its scale lies among the codes
        for (unsigned v = 0; v < 256; v += 17)                  // codes cannot be wrong
            for (size_t byte = 0; byte < f.bytes; byte++) {
                bool scale = f.type == gllm::QuantType::MXFP4 && byte == 0;
                for (size_t h : f.halves)  scale |= byte - h < 2;
                for (size_t s : f.singles) scale |= byte - s < 4;
                if (f.type == gllm::QuantType::AWQ4 || f.type == gllm::QuantType::GPTQ4) scale |= byte < 8;
                if (scale) continue;
                std::copy(sane.begin(), sane.end(), some.data());
                some[3 * f.bytes + byte] = uint8_t(v);
                CHECK(gllm::validate_blocks(f.type, some.data(), some.size()));
            }
    }
}

TEST_CASE("validate_blocks: what decodes to an infinity is not sane, whatever its scale") {
    const auto check = [](gllm::QuantType type, const Bytes& block, const std::string& at) {
        bool finite = true;
        for (float w : quant::to_f32(quant::decode(type, block.data(), quant::format(type).weights))) finite = finite && std::isfinite(w);
        const Status s = gllm::validate_blocks(type, block.data(), block.size());
        if (!finite) CHECK_MESSAGE(!s, quant::format(type).name << " " << at << " decodes to an infinity, and is called sane");
        return finite;
    };
    for (unsigned e = 0; e < 256; e++)
        for (unsigned code = 0; code < 16; code++)
            for (size_t where : { size_t(1), size_t(9), size_t(16) }) {
                Bytes block(17, 0);
                block[0] = uint8_t(e), block[where] = uint8_t(where == 9 ? code << 4 : code);
                const bool finite = check(gllm::QuantType::MXFP4, block, "e = " + std::to_string(e) + ", code " + std::to_string(code));
                if (e < 253) CHECK((finite && gllm::validate_blocks(gllm::QuantType::MXFP4, block.data(), block.size())));
            }
    for (float d : { 3e38f, -3e38f, 2.7e36f, 2e36f, 1.0f })
        for (int code : { 0, 1, -1, 2, 127, -128 }) {
            Bytes block(292, 0);
            quant::put(block.data(), oracle::bits_of(d), 4);
            block[4 + 77] = uint8_t(code);
            quant::put(block.data() + 260 + 2 * 4, uint64_t(int64_t(code)), 2);
            if (check(gllm::QuantType::Q8_K, block, std::to_string(d) + " times " + std::to_string(code)) && std::fabs(d) < 2.5e36f)
                CHECK(gllm::validate_blocks(gllm::QuantType::Q8_K, block.data(), block.size()));
        }
    for (float level : { 1e38f, 3e33f, 1.0f })
        for (unsigned h : { 0x7bffu, 0x3c00u, 0xfbffu }) {      // 65504, 1, -65504
            Bytes block(130, 0);
            quant::put(block.data(), h, 2);
            quant::put(block.data() + 98, oracle::bits_of(level), 4);            // of code 0, which all are
            if (check(gllm::QuantType::SQUEEZE, block, std::to_string(level)))
                CHECK(gllm::validate_blocks(gllm::QuantType::SQUEEZE, block.data(), block.size()));
        }
}

// ---- tables -----------------------------------------------------------------

TEST_CASE("block_size, block_bytes, bits, row_bytes, quant_name") {
    CHECK(formats().size() == size_t(gllm::quant_type_count));
    for (const Format& f : formats()) {
        INFO(f.name);
        CHECK(&f == &quant::format(f.type));                    // the table is in the order of the enum
        CHECK(gllm::block_size(f.type) == f.weights);
        CHECK(gllm::block_bytes(f.type) == f.bytes);
        CHECK(gllm::bits(f.type) == f.bits);
        REQUIRE(gllm::quant_name(f.type) != nullptr);
        CHECK(std::string(gllm::quant_name(f.type)) == f.name);
        for (size_t blocks : { size_t(0), size_t(1), size_t(2), size_t(17), size_t(4096) }) {
            CHECK(gllm::row_bytes(f.type, blocks * f.weights) == blocks * f.bytes);
            CHECK(gllm::row_bytes(f.type, blocks * f.weights + 1) == 0);
            CHECK(gllm::row_bytes(f.type, blocks * f.weights + f.weights - 1) == 0);
        }
    }
    for (int no : { gllm::quant_type_count, gllm::quant_type_count + 1, 64, 127, 128, 200, 255 }) {
        const auto type = static_cast<gllm::QuantType>(no);
        INFO(no);
        CHECK(gllm::quant_name(type) == nullptr);
        CHECK(gllm::block_size(type) == 0);
        CHECK(gllm::block_bytes(type) == 0);
        CHECK(gllm::bits(type) == 0);
        CHECK(gllm::row_bytes(type, 256) == 0);
        CHECK(!gllm::validate_blocks(type, "", 0));
    }
}
