// llama.hpp: models of the llama architecture in GGUF files, on gllm_kernels alone; their vocabularies: tokenizer.hpp.
//
//   gguf::File file;             file.open(path);
//   llama::Model model;          model.load(file);                 // each returns a message, empty when all is well
//   tokenizer::Tokenizer words;  words.load(file);
//   std::vector<int32_t> prompt = words.encode("In the beginning");
//   std::vector<float> logits(model.vocabulary);
//   model.eval(prompt.data(), prompt.size(), logits.data(), 1);    // logits after the last token
//
// Weights are used where they lie in the mapped file. Activations and the key/value cache are f32. Memory follows the tensors that
// are there and the tokens that were given: what a file only claims, such as a long context, costs nothing.
//
// SPDX-License-Identifier: MIT

#ifndef GLLM_EXAMPLES_LLAMA_HPP
#define GLLM_EXAMPLES_LLAMA_HPP

#include "gguf.hpp"
#include "tokenizer.hpp"

#include <math.h>
#include <algorithm>
#include <new>

namespace llama {

// ---- reading metadata and tensors -----------------------------------------------

/// [rows][cols] weights in the file.
struct Matrix {
    const unsigned char* data = nullptr;
    size_t rows = 0, cols = 0;
    gguf::Type type = {0, gguf::Storage::f32, gllm::QuantType::Q2_K};
    size_t row_bytes() const { return cols / type.block() * type.bytes(); }
};

/// Looks things up in a file, checks them, and keeps the first complaint; after one, results are zero or empty.
struct Loader {
    const gguf::File& file;
    std::string error;
    std::vector<bool> used;                                         // which tensors of the file

    explicit Loader(const gguf::File& f) : file(f), used(f.tensors().size(), false) {}
    bool ok() const { return error.empty(); }
    void complain(const std::string& what) { if (ok()) error = what; }

    /// An integer in low .. high; one that is missing is an error unless a fallback is given.
    size_t integer(const char* key, uint64_t low, uint64_t high, const uint64_t* fallback = nullptr) {
        const gguf::Value* value = file.value(key);
        uint64_t n = 0;
        if (!value) {
            if (fallback) return static_cast<size_t>(*fallback);
            complain("key '" + std::string(key) + "' is missing");
        } else if (!value->get(n)) {
            complain("key '" + std::string(key) + "' must be one integer that is not negative");
        } else if (n < low || n > high) {
            complain("key '" + std::string(key) + "' is " + std::to_string(n) + ", outside " + std::to_string(low) + " to " +
                     std::to_string(high));
        }
        return ok() ? static_cast<size_t>(n) : 0;
    }

    /// A finite number above zero.
    double number(const char* key, const double* fallback = nullptr) {
        const gguf::Value* value = file.value(key);
        double x = 0;
        if (!value) {
            if (fallback) return *fallback;
            complain("key '" + std::string(key) + "' is missing");
        } else if (!value->get(x) || !(x > 0 && x <= 3e38)) {
            complain("key '" + std::string(key) + "' must be a finite number above zero");
        }
        return x;
    }

    const gguf::Tensor* tensor(const std::string& name, uint64_t rows, uint64_t cols) {
        const gguf::Tensor* t = file.tensor(name);
        if (!t) { complain("tensor '" + name + "' is missing"); return nullptr; }
        if (t->shape[0] != cols || t->shape[1] != rows || t->shape[2] != 1 || t->shape[3] != 1) {
            complain("tensor '" + name + "' is " + shape(t->shape, 4) + ", where " + std::to_string(cols) +
                     (rows > 1 ? " x " + std::to_string(rows) : "") + " is needed");
            return nullptr;
        }
        const size_t alignment = t->type->storage == gguf::Storage::blocks ? 1 : t->type->bytes();
        if (reinterpret_cast<uintptr_t>(t->data) % alignment != 0) {
            complain("tensor '" + name + "' is not aligned to its elements of " + std::to_string(alignment) + " bytes");
            return nullptr;
        }
        used[static_cast<size_t>(t - file.tensors().data())] = true;
        return t;
    }
    Matrix matrix(const std::string& name, size_t rows, size_t cols) {
        Matrix m;
        if (const gguf::Tensor* t = tensor(name, rows, cols)) {
            m.data = t->data;
            m.rows = rows;
            m.cols = cols;
            m.type = *t->type;
        }
        return m;
    }
    const float* vector(const std::string& name, size_t n) {
        const gguf::Tensor* t = tensor(name, 1, n);
        if (t && t->type->storage != gguf::Storage::f32) {
            complain("tensor '" + name + "' is " + t->type->name() + ", where F32 is needed");
            return nullptr;
        }
        return t ? reinterpret_cast<const float*>(t->data) : nullptr;
    }

    static std::string shape(const uint64_t* n, int dims) {
        while (dims > 1 && n[dims - 1] == 1) dims--;
        std::string out = std::to_string(n[0]);
        for (int i = 1; i < dims; i++) out += " x " + std::to_string(n[i]);
        return out;
    }
};

// ---- model ------------------------------------------------------------------------

/// One model and one sequence: eval() appends tokens to the sequence, reset() empties it. The file must outlive it.
class Model {
public:
    size_t vocabulary = 0, context = 0, width = 0, hidden = 0, heads = 0, kv_heads = 0, head_dim = 0, n_rot = 0;

    std::string load(const gguf::File& file);
    void set_parallel(gllm::Parallel parallel) { k_.parallel = parallel; }
    gllm::Status select(gllm::Isa isa) {
        gllm::Status s = k_.select(isa);
        if (s) s = f16_.select(isa);
        return s ? bf16_.select(isa) : s;
    }
    gllm::Isa isa() const { return k_.isa(); }
    size_t position() const { return position_; }
    void reset() { position_ = 0; }

    /// Appends n tokens and writes logits[outputs][vocabulary], those that follow each of the last `outputs` tokens.
    /// Any status but ok leaves the sequence empty.
    gllm::Status eval(const int32_t* tokens, size_t n, float* logits, size_t outputs);

private:
    struct Layer {
        const float *attn_norm, *ffn_norm;
        Matrix q, k, v, o, gate, up, down;
        std::vector<float> keys, values;                            // [kv_heads][room_][head_dim]
    };

    void make_room(size_t positions);
    gllm::Status forward(const int32_t* tokens, size_t n, float* logits, size_t outputs);
    gllm::Status embed(int32_t token, float* out) const;
    gllm::Status multiply(const Matrix& w, const float* x, float* y, size_t m);
    gllm::Status attend(Layer& layer, size_t n);
    void widen(const Matrix& w, size_t row, size_t rows, float* out) const;

    gllm::CpuKernels<float> k_;
    gllm::CpuKernels<gllm::f16> f16_;
    gllm::CpuKernels<gllm::bf16> bf16_;
    Matrix embedding_, output_;
    const float* output_norm_ = nullptr;
    std::vector<Layer> layers_;
    float epsilon_ = 0;
    double rope_base_ = 0;
    size_t position_ = 0, room_ = 0, batch_ = 1;                    // positions held, those there is memory for, tokens together
    std::vector<float> x_, h_, q_, key_, value_, mixed_, gate_, up_, cos_, sin_, scores_, query_, head_out_, wide_, part_;
};

/// Runs expr, a Status, and returns it unless it is ok.
#define LLAMA_TRY(expr) do { const gllm::Status status_ = (expr); if (!status_) return status_; } while (0)

constexpr size_t batch_tokens = 128;                                // evaluated together, as long as no activation
constexpr size_t batch_floats = size_t(1) << 22;                    // needs more than this
constexpr size_t attention_tokens = 32;                             // whose scores are held together, of every query head
constexpr size_t attention_rows = 512;                              // of a key/value head as long as these are not more
constexpr size_t wide_floats = size_t(1) << 16;                     // f16 and bf16 weights widened at a time

/// The number of floats in [a][b][c], or bad_alloc where there cannot be that many.
inline size_t floats(size_t a, size_t b, size_t c = 1) {
    const size_t most = SIZE_MAX / sizeof(float) / 2;
    if (a && (b > most / a || (b && c > most / a / b))) throw std::bad_alloc();
    return a * b * c;
}

inline std::string Model::load(const gguf::File& file) try {
    layers_.clear();
    position_ = room_ = 0;
    Loader in(file);
    const std::string_view architecture = file.text("general.architecture");
    if (architecture != "llama")
        return "key 'general.architecture' is " + gguf::quoted(architecture) + ", where 'llama' is needed";
    const std::string_view scaling = file.text("llama.rope.scaling.type");
    const double one = 1;
    const uint64_t zero = 0;
    if (file.value("llama.rope.scaling.type")) {
        if (scaling != "none")
            return "key 'llama.rope.scaling.type' is " + gguf::quoted(scaling) + ": scaled positions are not supported";
    } else {
        for (const char* key : {"llama.rope.scaling.factor", "llama.rope.scale_linear"})
            if (in.number(key, &one) > 1 || in.number(key, &one) < 1)
                return "key '" + std::string(key) + "': scaled positions are not supported";
    }
    if (in.integer("llama.expert_count", 0, UINT32_MAX, &zero) > 0)
        return "key 'llama.expert_count': mixtures of experts are not supported";
    if (file.tensor("rope_freqs.weight")) return "tensor 'rope_freqs.weight': scaled rotary frequencies are not supported";

    const size_t layers = in.integer("llama.block_count", 1, 1 << 16);
    width   = in.integer("llama.embedding_length", 1, 1 << 24);
    hidden  = in.integer("llama.feed_forward_length", 1, 1 << 28);
    context = in.integer("llama.context_length", 1, INT32_MAX);
    heads   = in.integer("llama.attention.head_count", 1, 1 << 14);
    const uint64_t as_heads = heads;
    kv_heads = in.integer("llama.attention.head_count_kv", 1, 1 << 14, &as_heads);
    if (!in.ok()) return in.error;
    if (heads % kv_heads != 0) return "key 'llama.attention.head_count_kv' must divide llama.attention.head_count";
    const uint64_t even_share = width / heads;
    if (width % heads != 0 && !file.value("llama.attention.key_length"))
        return "key 'llama.attention.head_count' must divide llama.embedding_length";
    head_dim = in.integer("llama.attention.key_length", 1, 1 << 14, &even_share);
    const uint64_t same = head_dim;
    if (in.integer("llama.attention.value_length", 1, 1 << 14, &same) != head_dim)
        in.complain("key 'llama.attention.value_length' must be the key length");
    n_rot = in.integer("llama.rope.dimension_count", 2, head_dim, &same);
    if (in.ok() && n_rot % 2 != 0) return "key 'llama.rope.dimension_count' is " + std::to_string(n_rot) + ", which is odd";
    const double base = 10000;
    rope_base_ = in.number("llama.rope.freq_base", &base);
    epsilon_ = static_cast<float>(in.number("llama.attention.layer_norm_rms_epsilon"));
    if (!in.ok()) return in.error;

    const gguf::Tensor* table = file.tensor("token_embd.weight");
    if (!table) return "tensor 'token_embd.weight' is missing";
    if (table->shape[1] > INT32_MAX) return "tensor 'token_embd.weight' has too many rows";
    vocabulary = static_cast<size_t>(table->shape[1]);
    embedding_ = in.matrix("token_embd.weight", vocabulary, width);
    for (size_t i = 0; i < layers && in.ok(); i++) {
        const std::string block = "blk." + std::to_string(i) + ".";
        Layer l;
        l.attn_norm = in.vector(block + "attn_norm.weight", width);
        l.q    = in.matrix(block + "attn_q.weight", heads * head_dim, width);
        l.k    = in.matrix(block + "attn_k.weight", kv_heads * head_dim, width);
        l.v    = in.matrix(block + "attn_v.weight", kv_heads * head_dim, width);
        l.o    = in.matrix(block + "attn_output.weight", width, heads * head_dim);
        l.ffn_norm = in.vector(block + "ffn_norm.weight", width);
        l.gate = in.matrix(block + "ffn_gate.weight", hidden, width);
        l.up   = in.matrix(block + "ffn_up.weight", hidden, width);
        l.down = in.matrix(block + "ffn_down.weight", width, hidden);
        layers_.push_back(std::move(l));
    }
    output_norm_ = in.vector("output_norm.weight", width);
    output_ = file.tensor("output.weight") ? in.matrix("output.weight", vocabulary, width) : embedding_;
    if (!in.ok()) return in.error;

    for (size_t i = 0; i < in.used.size(); i++)                     // biases and the like would change the result
        if (!in.used[i]) return "tensor " + gguf::quoted(file.tensors()[i].name) + " has no place in a plain llama model";
    batch_ = std::min(batch_tokens, std::max(size_t(1), batch_floats / std::max({width, hidden, heads * head_dim})));
    return std::string();
} catch (const std::exception&) {                                   // bad_alloc or its like
    return "out of memory";
}

inline gllm::Status Model::eval(const int32_t* tokens, size_t n, float* logits, size_t outputs) try {
    gllm::Status status = {gllm::Code::ok, ""};
    if (outputs > n) status = {gllm::Code::invalid_argument, "outputs must be at most n"};
    if (n > context - position_) status = {gllm::Code::invalid_argument, "the text is longer than the model's context"};
    for (size_t i = 0; i < n; i++)
        if (tokens[i] < 0 || static_cast<size_t>(tokens[i]) >= vocabulary)
            status = {gllm::Code::invalid_argument, "a token must be below the vocabulary's size"};
    for (size_t i = 0; status && i < n; i += batch_) {
        const size_t m = std::min(batch_, n - i), after = n - i - m;
        const size_t wanted = outputs > after ? std::min(m, outputs - after) : 0;   // of these m tokens, the last
        status = forward(tokens + i, m, logits, wanted);
        if (wanted) logits += wanted * vocabulary;
    }
    if (!status) reset();
    return status;
} catch (const std::exception&) {                                   // bad_alloc or its like
    reset();
    room_ = 0;
    return {gllm::Code::out_of_memory, "out of memory"};
}

/// Grows the cache of every layer to hold these positions; at least to twice what it was, so that growing is rare.
inline void Model::make_room(size_t positions) {
    if (positions <= room_) return;
    const size_t room = std::min(context, std::max(positions, room_ * 2));
    for (Layer& layer : layers_)
        for (std::vector<float>* cache : {&layer.keys, &layer.values}) {
            std::vector<float> grown(floats(kv_heads, room, head_dim));
            for (size_t head = 0; head < kv_heads && position_; head++)
                memcpy(&grown[head * room * head_dim], &(*cache)[head * room_ * head_dim], position_ * head_dim * sizeof(float));
            cache->swap(grown);
        }
    room_ = room;
}

/// One batch: x is the residual stream [n][width], h its normalised form or what is to be added to it.
inline gllm::Status Model::forward(const int32_t* tokens, size_t n, float* logits, size_t outputs) {
    const size_t q_width = heads * head_dim, kv_width = kv_heads * head_dim, pairs = n_rot / 2;
    make_room(position_ + n);
    x_.resize(floats(n, width));
    h_.resize(floats(n, width));
    q_.resize(floats(n, q_width));
    mixed_.resize(floats(n, q_width));
    key_.resize(floats(n, kv_width));
    value_.resize(floats(n, kv_width));
    gate_.resize(floats(n, hidden));
    up_.resize(floats(n, hidden));
    cos_.resize(floats(n, pairs));
    sin_.resize(floats(n, pairs));
    for (size_t i = 0; i < n; i++) {
        LLAMA_TRY(embed(tokens[i], &x_[i * width]));
        for (size_t j = 0; j < pairs; j++) {
            const double turn = pow(rope_base_, -static_cast<double>(j) / static_cast<double>(pairs));
            const double angle = static_cast<double>(position_ + i) * turn;
            cos_[i * pairs + j] = static_cast<float>(cos(angle));
            sin_[i * pairs + j] = static_cast<float>(sin(angle));
        }
    }

    for (Layer& layer : layers_) {
        k_.rms_norm_rows(x_.data(), layer.attn_norm, h_.data(), n, width, epsilon_);
        LLAMA_TRY(multiply(layer.q, h_.data(), q_.data(), n));
        LLAMA_TRY(multiply(layer.k, h_.data(), key_.data(), n));
        LLAMA_TRY(multiply(layer.v, h_.data(), value_.data(), n));
        for (size_t i = 0; i < n; i++) {
            const gllm::RopeStyle style = gllm::RopeStyle::interleaved;
            k_.rope_with_pos(&q_[i * q_width], cos_.data(), sin_.data(), heads, head_dim, i, style, n_rot);
            k_.rope_with_pos(&key_[i * kv_width], cos_.data(), sin_.data(), kv_heads, head_dim, i, style, n_rot);
        }
        LLAMA_TRY(attend(layer, n));
        LLAMA_TRY(multiply(layer.o, mixed_.data(), h_.data(), n));
        k_.vec_add(x_.data(), h_.data(), x_.data(), n * width);

        k_.rms_norm_rows(x_.data(), layer.ffn_norm, h_.data(), n, width, epsilon_);
        LLAMA_TRY(multiply(layer.gate, h_.data(), gate_.data(), n));
        LLAMA_TRY(multiply(layer.up, h_.data(), up_.data(), n));
        k_.swiglu(gate_.data(), up_.data(), gate_.data(), n * hidden);
        LLAMA_TRY(multiply(layer.down, gate_.data(), h_.data(), n));
        k_.vec_add(x_.data(), h_.data(), x_.data(), n * width);
    }
    position_ += n;

    if (outputs == 0) return {gllm::Code::ok, ""};
    k_.rms_norm_rows(&x_[(n - outputs) * width], output_norm_, h_.data(), outputs, width, epsilon_);
    return multiply(output_, h_.data(), logits, outputs);
}

/// Causal attention of n new tokens: mixed[n][heads][head_dim] from q, key and value, which join the cache. The query heads that
/// share a key/value head are rows of one product with its keys, and of one with its values.
inline gllm::Status Model::attend(Layer& layer, size_t n) {
    const size_t group = heads / kv_heads, q_width = heads * head_dim, kv_width = kv_heads * head_dim;
    const size_t group_width = group * head_dim;
    const float scale = 1.0f / sqrtf(static_cast<float>(head_dim));
    k_.vec_scale(q_.data(), scale, n * q_width);
    const size_t step = std::min(attention_tokens * group, attention_rows);
    for (size_t head = 0; head < kv_heads; head++) {
        float* const keys = &layer.keys[head * room_ * head_dim];
        float* const values = &layer.values[head * room_ * head_dim];
        for (size_t i = 0; i < n; i++) {
            const size_t to = (position_ + i) * head_dim, from = i * kv_width + head * head_dim;
            memcpy(keys + to, &key_[from], head_dim * sizeof(float));
            memcpy(values + to, &value_[from], head_dim * sizeof(float));
        }
        const auto at = [&](size_t row) { return row / group * q_width + head * group_width + row % group * head_dim; };
        for (size_t first = 0; first < n * group; first += step) {  // row: token * group + query head
            const size_t rows = std::min(step, n * group - first);
            const size_t seen = position_ + (first + rows - 1) / group + 1;         // positions, by the last of these rows
            query_.resize(floats(rows, head_dim));
            head_out_.resize(floats(rows, head_dim));
            scores_.resize(floats(rows, seen));
            for (size_t r = 0; r < rows; r++) memcpy(&query_[r * head_dim], &q_[at(first + r)], head_dim * sizeof(float));
            LLAMA_TRY(k_.gemm_transposed_b(query_.data(), keys, scores_.data(), rows, seen, head_dim));
            for (size_t r = 0; r < rows; r++) {
                float* row = &scores_[r * seen];
                const size_t visible = position_ + (first + r) / group + 1;
                k_.softmax(row, row, visible);
                std::fill(row + visible, row + seen, 0.0f);
            }
            LLAMA_TRY(k_.gemm(scores_.data(), values, head_out_.data(), rows, head_dim, seen));
            for (size_t r = 0; r < rows; r++) memcpy(&mixed_[at(first + r)], &head_out_[r * head_dim], head_dim * sizeof(float));
        }
    }
    return {gllm::Code::ok, ""};
}

/// f32 from `rows` rows of f16 or bf16 weights.
inline void Model::widen(const Matrix& w, size_t row, size_t rows, float* out) const {
    const unsigned char* from = w.data + row * w.row_bytes();
    if (w.type.storage == gguf::Storage::f16) f16_.table().widen(reinterpret_cast<const gllm::f16*>(from), out, rows * w.cols);
    else bf16_.table().widen(reinterpret_cast<const gllm::bf16*>(from), out, rows * w.cols);
}

inline gllm::Status Model::embed(int32_t token, float* out) const {
    const size_t row = static_cast<size_t>(token);
    const unsigned char* from = embedding_.data + row * embedding_.row_bytes();
    switch (embedding_.type.storage) {
        case gguf::Storage::blocks: return k_.dequant(embedding_.type.quant, from, out, width);
        case gguf::Storage::f32:    memcpy(out, from, width * sizeof(float)); break;
        default:                    widen(embedding_, row, 1, out); break;
    }
    return {gllm::Code::ok, ""};
}

/// y[m][rows] = x[m][cols] W^T. Half-width weights are widened some rows at a time, so that inputs need no rounding.
inline gllm::Status Model::multiply(const Matrix& w, const float* x, float* y, size_t m) {
    if (w.type.storage == gguf::Storage::blocks) return k_.matmul(w.type.quant, w.data, x, y, m, w.rows, w.cols);
    if (w.type.storage == gguf::Storage::f32)
        return k_.gemm_transposed_b(x, reinterpret_cast<const float*>(w.data), y, m, w.rows, w.cols);
    const size_t step = std::min(w.rows, std::max(size_t(1), wide_floats / w.cols));
    wide_.resize(floats(step, w.cols));
    part_.resize(floats(m, step));
    for (size_t row = 0; row < w.rows; row += step) {
        const size_t count = std::min(step, w.rows - row);
        widen(w, row, count, wide_.data());
        LLAMA_TRY(k_.gemm_transposed_b(x, wide_.data(), part_.data(), m, count, w.cols));
        for (size_t i = 0; i < m; i++) memcpy(y + i * w.rows + row, &part_[i * count], count * sizeof(float));
    }
    return {gllm::Code::ok, ""};
}

// ---- likelihood -------------------------------------------------------------------

/// -ln softmax(logits)[token], in double.
inline double negative_log_likelihood(const float* logits, size_t n, int32_t token) {
    const double top = static_cast<double>(*std::max_element(logits, logits + n));
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp(static_cast<double>(logits[i]) - top);
    return top + log(sum) - static_cast<double>(logits[token]);
}

/// Bytes that perplexity is measured on from one empty cache.
constexpr size_t window_bytes = 256;

/// The summed negative log-likelihood of a text's tokens in nats, from an empty cache: the input is BOS and all but the last.
inline gllm::Status likelihood(Model& model, const tokenizer::Tokenizer& words, std::string_view text, double& nats) try {
    std::vector<int32_t> tokens = words.encode_plain(text);
    nats = 0;
    if (tokens.empty()) return {gllm::Code::ok, ""};
    if (words.bos < 0) return {gllm::Code::unsupported, "the vocabulary has no BOS token to predict the first token from"};
    tokens.insert(tokens.begin(), words.bos);
    const size_t n = tokens.size() - 1;
    std::vector<float> logits(floats(std::min(n, batch_tokens), model.vocabulary));
    model.reset();
    for (size_t first = 0; first < n; first += batch_tokens) {
        const size_t m = std::min(batch_tokens, n - first);
        LLAMA_TRY(model.eval(&tokens[first], m, logits.data(), m));
        for (size_t i = 0; i < m; i++)
            nats += negative_log_likelihood(&logits[i * model.vocabulary], model.vocabulary, tokens[first + i + 1]);
    }
    return {gllm::Code::ok, ""};
} catch (const std::exception&) {                                   // bad_alloc or its like
    return {gllm::Code::out_of_memory, "out of memory"};
}

#undef LLAMA_TRY

} // namespace llama

#endif // GLLM_EXAMPLES_LLAMA_HPP
