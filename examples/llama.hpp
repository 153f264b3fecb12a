// llama.hpp: models of the llama architecture in GGUF files, and their SPM vocabularies, on gllm_kernels alone.
//
//   gguf::File file;             file.open(path);
//   llama::Model model;          model.load(file);                 // each returns a message, empty when all is well
//   llama::Vocabulary words;     words.load(file);
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

#include <math.h>
#include <algorithm>
#include <functional>
#include <new>
#include <queue>

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

// ---- vocabulary -------------------------------------------------------------------

/// A SentencePiece vocabulary with byte tokens. Text becomes its characters; then, over and over, the two neighbours whose
/// concatenation is the token of highest score (the leftmost of equals) become one; a character that is no token is spelled
/// in byte tokens. A space is written U+2581 inside tokens.
class Vocabulary {
public:
    int32_t bos = -1, eos = -1;                                     // -1: none
    bool add_bos = true, add_space_prefix = true;

    std::string load(const gguf::File& file);
    size_t size() const { return pieces_.size(); }

    /// The tokens of a text, with neither BOS nor a space put before it.
    std::vector<int32_t> encode_plain(std::string_view text) const;
    /// The tokens of a prompt, as the model's own settings ask.
    std::vector<int32_t> encode(std::string_view text) const {
        const bool prefix = add_space_prefix && !text.empty();
        std::vector<int32_t> tokens = encode_plain(prefix ? " " + std::string(text) : std::string(text));
        if (add_bos && bos >= 0) tokens.insert(tokens.begin(), bos);
        return tokens;
    }
    /// The bytes a token stands for: none for control tokens.
    const std::string& piece(int32_t token) const { return pieces_[static_cast<size_t>(token)]; }

private:
    enum : int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

    std::vector<std::string> pieces_;
    std::vector<float> scores_;
    std::map<std::string, int32_t, std::less<>> ids_;               // of what text can become, spelled as in the file
    int32_t bytes_[256];
};

constexpr std::string_view space_mark = "\xE2\x96\x81";             // U+2581

inline std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        if (text.substr(at, from.size()) == from) { out += to; at += from.size(); }
        else out += text[at++];
    }
    return out;
}

inline std::string Vocabulary::load(const gguf::File& file) try {
    const std::string_view model = file.text("tokenizer.ggml.model");
    if (model.empty()) return "key 'tokenizer.ggml.model' is missing: the file has no vocabulary";
    if (model != "llama")
        return "key 'tokenizer.ggml.model' is " + gguf::quoted(model) + ": only SPM vocabularies, 'llama', are supported";

    Loader in(file);
    std::vector<std::string_view> tokens;
    std::vector<int32_t> types;
    const gguf::Value* value = file.value("tokenizer.ggml.tokens");
    if (!value || !value->get(tokens) || tokens.empty()) return "key 'tokenizer.ggml.tokens' must be an array of strings";
    if (tokens.size() > INT32_MAX) return "key 'tokenizer.ggml.tokens' has too many elements";
    value = file.value("tokenizer.ggml.scores");
    if (!value || !value->get(scores_) || scores_.size() != tokens.size())
        return "key 'tokenizer.ggml.scores' must be an array of one f32 a token";
    for (float score : scores_)
        if (isnan(score)) return "key 'tokenizer.ggml.scores' holds a NaN";
    value = file.value("tokenizer.ggml.token_type");
    if (!value || !value->get(types) || types.size() != tokens.size())
        return "key 'tokenizer.ggml.token_type' must be an array of one integer a token";

    pieces_.assign(tokens.size(), std::string());
    ids_.clear();
    for (int32_t& id : bytes_) id = -1;
    for (size_t i = 0; i < tokens.size(); i++) {
        const int32_t id = static_cast<int32_t>(i);
        const std::string_view t = tokens[i];
        if (types[i] == byte) {
            const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
            if (t.size() != 6 || t.substr(0, 3) != "<0x" || digit(t[3]) < 0 || digit(t[4]) < 0 || t[5] != '>')
                return "key 'tokenizer.ggml.tokens': byte token " + std::to_string(i) + " is " + gguf::quoted(t) + ", not <0xNN>";
            const int b = digit(t[3]) * 16 + digit(t[4]);
            bytes_[b] = id;
            pieces_[i] = std::string(1, static_cast<char>(b));
        } else if (types[i] == normal || types[i] == user_defined) {
            ids_.emplace(t, id);
            pieces_[i] = replace_all(t, space_mark, " ");
        } else if (types[i] != unknown && types[i] != control && types[i] != unused) {
            return "key 'tokenizer.ggml.token_type': type " + std::to_string(types[i]) + " of token " + std::to_string(i);
        }
    }
    for (int b = 0; b < 256; b++)                                   // a space never reaches the byte tokens
        if (bytes_[b] < 0 && b != ' ') {
            char name[8];
            snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(b));
            return "key 'tokenizer.ggml.tokens': no byte token " + std::string(name) + "; SPM without them is not supported";
        }

    const auto token = [&](const char* key) {
        const uint64_t none = UINT32_MAX;
        const size_t id = in.integer(key, 0, tokens.size() - 1, &none);
        return id < tokens.size() ? static_cast<int32_t>(id) : -1;
    };
    const auto flag = [&](const char* key, bool& out) {
        const gguf::Value* v = file.value(key);
        if (v && !v->get(out)) in.complain("key '" + std::string(key) + "' must be a bool");
    };
    bos = token("tokenizer.ggml.bos_token_id");
    eos = token("tokenizer.ggml.eos_token_id");
    flag("tokenizer.ggml.add_bos_token", add_bos);
    flag("tokenizer.ggml.add_space_prefix", add_space_prefix);
    return in.error;
} catch (const std::exception&) {                                   // bad_alloc or its like
    return "out of memory";
}

inline std::vector<int32_t> Vocabulary::encode_plain(std::string_view plain) const {
    struct Symbol { size_t at, length, previous, next; };           // length 0: merged into the one before
    struct Pair { float score; size_t left, right, length; };
    struct Worse {
        bool operator()(const Pair& a, const Pair& b) const { return a.score != b.score ? a.score < b.score : a.left > b.left; }
    };
    const size_t none = SIZE_MAX;
    const std::string text = replace_all(plain, " ", space_mark);

    std::vector<Symbol> symbols;                                    // UTF-8 characters; a byte that begins none stands alone
    for (size_t at = 0; at < text.size();) {
        const unsigned char lead = static_cast<unsigned char>(text[at]);
        size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 1;
        for (size_t i = 1; i < length; i++)
            if (at + i >= text.size() || (static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) length = 1;
        const size_t i = symbols.size();
        symbols.push_back({at, length, i ? i - 1 : none, at + length < text.size() ? i + 1 : none});
        at += length;
    }

    std::priority_queue<Pair, std::vector<Pair>, Worse> queue;
    const auto consider = [&](size_t left, size_t right) {
        if (left == none || right == none) return;
        const size_t length = symbols[left].length + symbols[right].length;
        const auto it = ids_.find(std::string_view(text).substr(symbols[left].at, length));
        if (it != ids_.end()) queue.push({scores_[static_cast<size_t>(it->second)], left, right, length});
    };
    for (size_t i = 1; i < symbols.size(); i++) consider(i - 1, i);
    while (!queue.empty()) {
        const Pair best = queue.top();
        queue.pop();
        Symbol& left = symbols[best.left];
        Symbol& right = symbols[best.right];
        if (left.length == 0 || right.length == 0 || left.length + right.length != best.length) continue;   // changed meanwhile
        left.length = best.length;
        right.length = 0;
        left.next = right.next;
        if (right.next != none) symbols[right.next].previous = best.left;
        consider(left.previous, best.left);
        consider(best.left, left.next);
    }

    std::vector<int32_t> tokens;
    for (size_t i = symbols.empty() ? none : 0; i != none; i = symbols[i].next) {
        const auto it = ids_.find(std::string_view(text).substr(symbols[i].at, symbols[i].length));
        if (it != ids_.end()) {
            tokens.push_back(it->second);
        } else {
            for (size_t j = 0; j < symbols[i].length; j++)
                tokens.push_back(bytes_[static_cast<unsigned char>(text[symbols[i].at + j])]);
        }
    }
    return tokens;
}

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

    gllm::CpuKernels<float> k_;
    gllm::CpuKernels<gllm::f16> f16_;
    gllm::CpuKernels<gllm::bf16> bf16_;
    Matrix embedding_, output_;
    const float* output_norm_ = nullptr;
    std::vector<Layer> layers_;
    float epsilon_ = 0;
    double rope_base_ = 0;
    size_t position_ = 0, room_ = 0, batch_ = 1;                    // positions held, those there is memory for, tokens together
    std::vector<float> x_, h_, q_, key_, value_, mixed_, gate_, up_, cos_, sin_, scores_, query_, head_out_;
};

/// Runs expr, a Status, and returns it unless it is ok.
#define LLAMA_TRY(expr) do { const gllm::Status status_ = (expr); if (!status_) return status_; } while (0)

constexpr size_t batch_tokens = 128;                                // evaluated together, as long as no activation
constexpr size_t batch_floats = size_t(1) << 22;                    // needs more than this
constexpr size_t attention_tokens = 32;                             // whose scores are held together, of every query head
constexpr size_t attention_rows = 512;                              // of a key/value head as long as these are not more

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

inline gllm::Status Model::embed(int32_t token, float* out) const {
    const size_t row = static_cast<size_t>(token);
    const unsigned char* from = embedding_.data + row * embedding_.row_bytes();
    switch (embedding_.type.storage) {
        case gguf::Storage::blocks: return k_.dequant(embedding_.type.quant, from, out, width);
        case gguf::Storage::f32:    memcpy(out, from, width * sizeof(float)); break;
        case gguf::Storage::f16:    f16_.table().widen(reinterpret_cast<const gllm::f16*>(from), out, width); break;
        default:                    bf16_.table().widen(reinterpret_cast<const gllm::bf16*>(from), out, width); break;
    }
    return {gllm::Code::ok, ""};
}

/// y[m][rows] = x[m][cols] W^T, of whatever type W is.
inline gllm::Status Model::multiply(const Matrix& w, const float* x, float* y, size_t m) {
    switch (w.type.storage) {
        case gguf::Storage::blocks: return k_.matmul(w.type.quant, w.data, x, y, m, w.rows, w.cols);
        case gguf::Storage::f32:    return k_.gemm_transposed_b(x, reinterpret_cast<const float*>(w.data), y, m, w.rows, w.cols);
        case gguf::Storage::f16:    return k_.gemm_transposed_b(x, reinterpret_cast<const gllm::f16*>(w.data), y, m, w.rows, w.cols);
        default:                    return k_.gemm_transposed_b(x, reinterpret_cast<const gllm::bf16*>(w.data), y, m, w.rows, w.cols);
    }
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
inline gllm::Status likelihood(Model& model, const Vocabulary& words, std::string_view text, double& nats) try {
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
