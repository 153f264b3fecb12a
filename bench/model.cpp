// model: a llama of a billion weights, random ones, in a file of a format: tokens a second, as share of what the memory gives.
// SPDX-License-Identifier: MIT
//
//   model [--threads N] [--pack] [--file F] [--size 1b|small] TYPE...
//
// A file for each type, in the shapes of Llama 3.2 1B (16 layers of 2048, 8192 inside, 32 heads on 8 of 64, 128256 words, which
// serve twice), written, mapped, run, and removed unless --file names it. One token reads all of it once:
//
//   GB/s      bytes of the file times tokens a second; share of R, the read bandwidth on as many threads, measured between tokens
//   prompt    128 tokens at once, and 2 operations a weight and token
#define GLLM_KERNELS_MODEL
#define GLLM_KERNELS_IMPLEMENTATION
#include "gllm_kernels.hpp"
#include "machine.hpp"
#include "../examples/model.hpp"
#include "../examples/quantize.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace {

struct Shape { uint32_t layers, width, hidden, heads, kv_heads, head_dim, words; };
constexpr Shape SHAPE_1B = {16, 2048, 8192, 32, 8, 64, 128256}, SHAPE_SMALL = {4, 512, 1536, 8, 2, 64, 8192};
constexpr uint64_t ALIGNMENT = 32;

struct Matrix { std::string name; uint64_t cols, rows; };       // one row: a norm

std::vector<Matrix> matrices(const Shape& s) {
    const uint64_t q = s.heads * s.head_dim, kv = s.kv_heads * s.head_dim;
    std::vector<Matrix> all = {{"token_embd.weight", s.width, s.words}, {"output_norm.weight", s.width, 1}};
    for (uint32_t i = 0; i < s.layers; i++) {
        const std::string block = "blk." + std::to_string(i) + ".";
        const Matrix of_layer[] = {{"attn_norm", s.width, 1}, {"attn_q", s.width, q}, {"attn_k", s.width, kv}, {"attn_v", s.width, kv},
            {"attn_output", q, s.width}, {"ffn_norm", s.width, 1}, {"ffn_gate", s.width, s.hidden}, {"ffn_up", s.width, s.hidden},
            {"ffn_down", s.hidden, s.width}};
        for (const Matrix& m : of_layer) all.push_back({block + m.name + ".weight", m.cols, m.rows});
    }
    return all;
}

template <class T> void key(quantize::Writer& out, const char* name, gguf::Kind kind, T value) {
    out.text(name);
    out.number(static_cast<uint32_t>(kind));
    if constexpr (std::is_same_v<T, const char*>) out.text(value);
    else out.number(value);
}

/// Rows of random weights.
gllm::DeviceTensor some_rows(const gguf::Type& type, size_t cols, size_t rows, std::mt19937& random) {
    std::normal_distribution<float> weight(0, 1 / std::sqrt(float(cols)));
    std::vector<float> x(cols * rows);
    for (float& v : x) v = weight(random);
    gllm::DeviceTensor out;
    gllm::Status s = out.allocate(rows, cols, gllm::DType(type.storage), type.quant);
    if (s) s = out.upload_f32(x.data(), x.size());
    if (!s) { fprintf(stderr, "%s\n", s.what); exit(1); }
    return out;
}

bool write_model(const std::string& path, const Shape& s, const gguf::Type& type) {
    const std::vector<Matrix> all = matrices(s);
    const gguf::Type& f32 = *quantize::find_type("F32");
    quantize::Writer out(path);
    out.bytes("GGUF", 4);
    out.number<uint32_t>(3);
    out.number<uint64_t>(all.size());
    out.number<uint64_t>(10);
    key(out, "general.architecture", gguf::Kind::string, "llama");
    key(out, "llama.block_count", gguf::Kind::u32, s.layers);
    key(out, "llama.embedding_length", gguf::Kind::u32, s.width);
    key(out, "llama.feed_forward_length", gguf::Kind::u32, s.hidden);
    key(out, "llama.attention.head_count", gguf::Kind::u32, s.heads);
    key(out, "llama.attention.head_count_kv", gguf::Kind::u32, s.kv_heads);
    key(out, "llama.attention.key_length", gguf::Kind::u32, s.head_dim);
    key(out, "llama.attention.layer_norm_rms_epsilon", gguf::Kind::f32, 1e-5f);
    key(out, "llama.context_length", gguf::Kind::u32, uint32_t(4096));
    key(out, "llama.vocab_size", gguf::Kind::u32, s.words);
    const auto type_for = [&](const Matrix& m) -> const gguf::Type& { return m.rows == 1 ? f32 : type; };
    uint64_t at = 0;
    for (const Matrix& m : all) {
        const gguf::Type& t = type_for(m);
        out.text(m.name);
        out.number<uint32_t>(m.rows == 1 ? 1 : 2);
        out.number(m.cols);
        if (m.rows > 1) out.number(m.rows);
        out.number(t.id);
        out.number(at);
        at += m.cols / t.block() * t.bytes() * m.rows;
        at += (ALIGNMENT - at % ALIGNMENT) % ALIGNMENT;
    }
    out.pad(ALIGNMENT);
    std::mt19937 random(1);
    for (const Matrix& m : all) {
        const size_t at_once = m.rows < 64 ? size_t(m.rows) : 64;
        const gllm::DeviceTensor rows = some_rows(type_for(m), m.cols, at_once, random);
        const size_t each = rows.bytes / at_once;
        for (uint64_t r = 0; r < m.rows; r++) out.bytes(static_cast<const char*>(rows.data) + r % at_once * each, each);
        out.pad(ALIGNMENT);
    }
    return out.close();
}

/// A line of results; or what is wrong.
std::string measure(const std::string& path, const gguf::Type& type, gllm::Precision precision, bool pack, gllm::ThreadPool& pool) {
    constexpr size_t PROMPT = 128, TOKENS = 24;
    gguf::File file;
    model::Source source;
    model::Session session;
    gllm::ModelOptions options;
    options.precision = precision;
    options.pack = pack;
    options.parallel = pool.parallel();
    std::string error = file.open(path.c_str());
    if (error.empty()) error = source.load(file, PROMPT + TOKENS + 8);
    if (error.empty()) error = session.open(source, options);
    if (!error.empty()) return error;
    double weights = 0, bytes = 0;
    for (const gguf::Tensor& t : file.tensors()) {
        weights += double(t.bytes / t.type->bytes() * t.type->block());
        bytes += double(t.bytes);
    }
    std::vector<float> logits(session.vocabulary());
    std::vector<int32_t> prompt(PROMPT);
    for (size_t i = 0; i < PROMPT; i++) prompt[i] = int32_t(i * 37 % session.vocabulary());
    std::vector<double> reading, writing, bandwidth;
    for (int i = 0; i < 3; i++) {
        session.reset();
        const double start = machine::now();
        if (const gllm::Status s = session.eval(prompt.data(), PROMPT, logits.data(), 1); !s) return session.why(s);
        if (i) reading.push_back(machine::now() - start);             // the first one reads the file, too
    }
    for (size_t i = 0; i < TOKENS; i++) {
        const double start = machine::now();
        if (const gllm::Status s = session.eval(&prompt[i], 1, logits.data(), 1); !s) return session.why(s);
        writing.push_back(machine::now() - start);
        if (i % 4 == 0) bandwidth.push_back(machine::read_bandwidth(pool.parallel()));
    }
    const double token = machine::median(writing), all = machine::median(reading);
    printf("%-8s %-6s %3u thread%s %6.2f GB   %7.2f tokens/s %6.2f GB/s  %5.1f%% R   prompt %7.1f tokens/s %7.1f GFLOP/s%s\n", type.name(),
           precision == gllm::Precision::fast ? "fast" : "exact", pool.parallel().width, pool.parallel().width > 1 ? "s" : " ", bytes * 1e-9,
           1 / token, bytes / token * 1e-9, 100 * bytes / token / machine::median(bandwidth), PROMPT / all, 2 * weights * PROMPT / all * 1e-9,
           session.packed_bytes() ? "  packed" : "");
    fflush(stdout);
    return "";
}

} // namespace

int main(int argc, char** argv) {
    unsigned threads = 1;
    bool pack = false;
    std::string path;
    const Shape* shape = &SHAPE_1B;
    std::vector<const gguf::Type*> types;
    for (int i = 1; i < argc; i++) {
        const std::string arg = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
        if (arg == "--threads" && atoi(value.c_str()) > 0) threads = unsigned(atoi(argv[++i]));
        else if (arg == "--pack") pack = true;
        else if (arg == "--file" && !value.empty()) path = argv[++i];
        else if (arg == "--size" && (value == "1b" || value == "small")) { shape = value == "1b" ? &SHAPE_1B : &SHAPE_SMALL; i++; }
        else if (const gguf::Type* type = quantize::find_type(arg)) types.push_back(type);
        else {
            fprintf(stderr, "usage: model [--threads N] [--pack] [--file F] [--size 1b|small] TYPE...\ntypes: %s\n", quantize::type_names().c_str());
            return 2;
        }
    }
    if (types.empty()) types.push_back(quantize::find_type("Q4_K"));
    const bool keep = !path.empty();
    if (!keep) path = (std::filesystem::temp_directory_path() / "gllm_model.gguf").string();
    int failed = 0;
    for (const gguf::Type* type : types) {
        if (!write_model(path, *shape, *type)) { fprintf(stderr, "cannot write %s\n", path.c_str()); failed = 1; break; }
        for (unsigned t = 1; t <= threads; t *= 2)
            for (gllm::Precision precision : {gllm::Precision::exact, gllm::Precision::fast}) {
                if (precision == gllm::Precision::fast && type->storage != gguf::Storage::blocks) continue;
                gllm::ThreadPool pool(t);
                const std::string error = measure(path, *type, precision, pack, pool);
                if (!error.empty()) { fprintf(stderr, "%s: %s\n", type->name(), error.c_str()); failed = 1; }
            }
    }
    if (!keep) std::filesystem::remove(path);
    return failed;
}
