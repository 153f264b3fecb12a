// model.hpp: language models in GGUF files, on gllm_kernels: llama and mistral, qwen 2 and 3, gemma 1 to 3, phi 2 and 3, gpt-2.
//
//   gguf::File file;             file.open(path);
//   model::Source source;        source.load(file);                // each returns a message, empty when all is well
//   model::Session session;      session.open(source);
//   std::vector<float> logits(session.vocabulary());
//   session.eval(tokens, count, logits.data(), 1);                 // logits after the last token
//
// Weights are used where they lie in the mapped file. A Source tells the library what they are; several sessions may share it.
// Nothing in the file is trusted: the first key or tensor that is wrong is named.
//
// SPDX-License-Identifier: MIT

#ifndef GLLM_EXAMPLES_MODEL_HPP
#define GLLM_EXAMPLES_MODEL_HPP

#ifndef GLLM_KERNELS_MODEL
#define GLLM_KERNELS_MODEL
#endif
#include "gguf.hpp"

#include <math.h>
#include <algorithm>
#include <memory>
#include <new>

namespace model {

// ---- reading metadata and tensors -----------------------------------------------

/// Looks things up in a file, checks them, and keeps the first complaint; after one, results are zero or empty.
class Reader {
public:
    std::string error;

    Reader(const gguf::File& file, std::string_view architecture)
        : file_(file), architecture_(architecture), used_(file.tensors().size(), false) {}
    bool ok() const { return error.empty(); }
    void complain(const std::string& what) { if (ok()) error = what; }
    std::string key(const char* name) const { return architecture_ + "." + name; }
    bool has(const char* name) const { return file_.value(key(name)) != nullptr; }

    /// An integer in low .. high, or an array that holds only that one; if it is missing the fallback, where there is one.
    size_t integer(const char* name, uint64_t low, uint64_t high, const uint64_t* fallback = nullptr) {
        const gguf::Value* value = file_.value(key(name));
        uint64_t n = 0;
        if (!value) {
            if (fallback) return static_cast<size_t>(*fallback);
            complain("key '" + key(name) + "' is missing");
        } else if (!value->get(n) && !uniform(*value, n)) {
            complain("key '" + key(name) + "' must be one integer that is not negative, the same for all layers");
        } else if (n < low || n > high) {
            complain("key '" + key(name) + "' is " + std::to_string(n) + ", outside " + std::to_string(low) + " to " +
                     std::to_string(high));
        }
        return ok() ? static_cast<size_t>(n) : 0;
    }
    size_t integer(const char* name, uint64_t low, uint64_t high, uint64_t fallback) { return integer(name, low, high, &fallback); }

    /// A finite number above zero, or zero where that is allowed.
    double number(const char* name, const double* fallback = nullptr, bool zero = false) {
        const gguf::Value* value = file_.value(key(name));
        double x = 0;
        if (!value) {
            if (fallback) return *fallback;
            complain("key '" + key(name) + "' is missing");
        } else if (!value->get(x) || !((x > 0 || (zero && x >= 0)) && x <= 3e38)) {
            complain("key '" + key(name) + "' must be a finite number " + (zero ? "that is not negative" : "above zero"));
        }
        return ok() ? x : 1;
    }
    double number_or(const char* name, double fallback, bool zero = false) { return number(name, &fallback, zero); }
    /// Empty if it is not there.
    std::string_view text(const char* name) {
        const gguf::Value* value = file_.value(key(name));
        std::string_view s;
        if (value && !value->get(s)) complain("key '" + key(name) + "' must be a string");
        return s;
    }

    /// A tensor as the library takes it; empty if it is not there and need not be. Rows from .. from + rows - 1 of `all`.
    gllm::DeviceTensor matrix(const std::string& name, uint64_t rows, uint64_t cols, bool optional = false, uint64_t from = 0,
                              uint64_t all = 0) {
        gllm::DeviceTensor out;
        const gguf::Tensor* t = find(name, all ? all : rows, cols, optional);
        if (!t) return out;
        const size_t row_bytes = static_cast<size_t>(cols) / t->type->block() * t->type->bytes();
        const gllm::DType dtype = static_cast<gllm::DType>(t->type->storage);
        const gllm::Status s = out.view(t->data + static_cast<size_t>(from) * row_bytes, static_cast<size_t>(rows),
            static_cast<size_t>(cols), dtype, t->type->quant);
        if (!s) complain("tensor '" + name + "': " + s.what);
        return out;
    }
    /// n floats from `from` on, of `all`.
    gllm::DeviceTensor vector(const std::string& name, uint64_t n, bool optional = false, uint64_t from = 0, uint64_t all = 0) {
        gllm::DeviceTensor out;
        const gguf::Tensor* t = find(name, 1, all ? all : n, optional);
        if (!t) return out;
        if (t->type->storage != gguf::Storage::f32) {
            complain("tensor '" + name + "' is " + t->type->name() + ", where F32 is needed");
            return out;
        }
        out.view(t->data + static_cast<size_t>(from) * sizeof(float), 1, static_cast<size_t>(n), gllm::DType::f32);
        return out;
    }
    /// A list of at least n floats that are finite and above zero, or null if it is not there.
    const float* factors(const char* name, size_t n) {
        const gguf::Tensor* t = file_.tensor(name);
        if (!t || !ok()) return nullptr;
        const gllm::DeviceTensor v = vector(name, std::max<uint64_t>(t->shape[0], 1));
        const float* const f = v.as<float>();
        if (f && v.cols < n)
            complain("tensor '" + std::string(name) + "' has " + std::to_string(v.cols) + " numbers, where " + std::to_string(n) +
                " are needed");
        for (size_t i = 0; ok() && i < n; i++)
            if (!(f[i] > 0 && f[i] <= 3e38f)) complain("tensor '" + std::string(name) + "' must hold finite numbers above zero");
        return ok() ? f : nullptr;
    }
    bool there(const std::string& name) const { return file_.tensor(name) != nullptr; }
    uint64_t rows(const std::string& name) const { const gguf::Tensor* t = file_.tensor(name); return t ? t->shape[1] : 0; }

    /// A tensor that nothing has asked for would change the result.
    void check_all_used() {
        for (size_t i = 0; i < used_.size(); i++)
            if (!used_[i])
                complain("tensor " + gguf::quoted(file_.tensors()[i].name) + " has no place in a model of architecture " +
                         gguf::quoted(architecture_));
    }

private:
    static bool uniform(const gguf::Value& value, uint64_t& n) {
        std::vector<int32_t> list;
        if (!value.get(list) || list.empty() || list[0] < 0) return false;
        n = static_cast<uint64_t>(list[0]);
        return std::count(list.begin(), list.end(), list[0]) == static_cast<ptrdiff_t>(list.size());
    }
    const gguf::Tensor* find(const std::string& name, uint64_t rows, uint64_t cols, bool optional) {
        if (!ok()) return nullptr;
        const gguf::Tensor* t = file_.tensor(name);
        if (!t) {
            if (!optional) complain("tensor '" + name + "' is missing");
            return nullptr;
        }
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
        used_[static_cast<size_t>(t - file_.tensors().data())] = true;
        return t;
    }
    static std::string shape(const uint64_t* n, int dims) {
        while (dims > 1 && n[dims - 1] == 1) dims--;
        std::string out = std::to_string(n[0]);
        for (int i = 1; i < dims; i++) out += " x " + std::to_string(n[i]);
        return out;
    }

    const gguf::File& file_;
    std::string architecture_;
    std::vector<bool> used_;
};

// ---- architectures --------------------------------------------------------------

/// What the name of an architecture says.
struct Architecture {
    const char* name;
    gllm::ModelArch arch;
    gllm::RopeStyle rope;
    bool layer_norm, gelu, gate;
    bool fused_qkv, fused_gate;                                     // in one tensor: q, k and v (or, in phi2, apart); gate and up
    bool head_norms, post_norms;                                    // of the heads of q and k; behind attention and feed-forward
};
inline const Architecture* find_architecture(std::string_view name) {
    using A = gllm::ModelArch;
    constexpr auto half = gllm::RopeStyle::half, interleaved = gllm::RopeStyle::interleaved;
    static constexpr Architecture known[] = {                       // layer  gelu   gate   q+k+v  gate+up heads  post
        {"llama",  A::llama, interleaved,                               false, false, true , false, false, false, false},
        {"qwen2",  A::qwen,  half,                                      false, false, true , false, false, false, false},
        {"qwen3",  A::qwen,  half,                                      false, false, true , false, false, true , false},
        {"gemma",  A::gemma, half,                                      false, true , true , false, false, false, false},
        {"gemma2", A::gemma, half,                                      false, true , true , false, false, false, true},
        {"gemma3", A::gemma, half,                                      false, true , true , false, false, true , true},
        {"phi2",   A::phi,   half,                                      true , true , false, true , false, false, false},
        {"phi3",   A::phi,   half,                                      false, false, true , true , true , false, false},
        {"gpt2",   A::gpt2,  half,                                      true , true , false, true , false, false, false},
    };
    for (const Architecture& a : known)
        if (name == a.name) return &a;
    return nullptr;
}

/// A model of a file: what it is and where its weights lie. The file must outlive it.
class Source {
public:
    gllm::ModelConfig config;
    gllm::ModelWeights weights;

    /// context: how many positions are wanted; 0: as the file says, at most 4096.
    std::string load(const gguf::File& file, size_t context = 0);

private:
    void read_rope(Reader& in, std::string_view name);
    void read_window(Reader& in, std::string_view name);
    void read_layer(Reader& in, const Architecture& a, const std::string& block, gllm::LayerWeights& l);

    size_t trained_ = 0;
    std::vector<gllm::LayerWeights> layers_;
};

constexpr size_t usual_context = 4096;

inline std::string Source::load(const gguf::File& file, size_t context) try {
    const std::string_view name = file.text("general.architecture");
    const Architecture* a = find_architecture(name);
    if (name.empty())
        return std::string("key 'general.architecture' ") + (file.value("general.architecture") ? "must be a string" : "is missing");
    if (!a)
        return "key 'general.architecture' is " + gguf::quoted(name) +
            ", where llama, qwen2, qwen3, gemma, gemma2, gemma3, phi2, phi3 or gpt2 is needed";
    Reader in(file, name);
    if (in.integer("expert_count", 0, UINT32_MAX, uint64_t(0)) > 0)
        return "key '" + in.key("expert_count") + "': mixtures of experts are not supported";

    gllm::ModelConfig& c = config = gllm::ModelConfig();
    c.arch     = a->arch;
    c.layers   = in.integer("block_count", 1, 1 << 16);
    c.width    = in.integer("embedding_length", 1, 1 << 24);
    c.hidden   = in.integer("feed_forward_length", 1, 1 << 28);
    trained_   = in.integer("context_length", 1, INT32_MAX >> 3);
    c.heads    = in.integer("attention.head_count", 1, 1 << 14);
    c.kv_heads = in.integer("attention.head_count_kv", 1, 1 << 14, c.heads);
    if (!in.ok()) return in.error;
    if (c.heads % c.kv_heads != 0) return "key '" + in.key("attention.head_count_kv") + "' must divide " + in.key("attention.head_count");
    if (c.width % c.heads != 0 && !in.has("attention.key_length"))
        return "key '" + in.key("attention.head_count") + "' must divide " + in.key("embedding_length");
    c.head_dim = in.integer("attention.key_length", 8, 576, c.width / c.heads);
    if (in.ok() && (c.head_dim % 8 || c.head_dim < 8 || c.head_dim > 576))
        return "heads of " + std::to_string(c.head_dim) + " numbers: a multiple of 8 up to 576 is needed";
    if (in.integer("attention.value_length", 1, 1 << 14, c.head_dim) != c.head_dim)
        in.complain("key '" + in.key("attention.value_length") + "' must be the key length");
    c.context = context ? context : std::min(trained_, usual_context);

    c.norm       = a->layer_norm ? gllm::NormType::layer : gllm::NormType::rms;
    c.activation = a->gelu ? gllm::Activation::gelu : gllm::Activation::silu;
    c.parallel   = name == "phi2";
    const char* const epsilon = a->layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
    c.epsilon    = static_cast<float>(in.number(epsilon, nullptr, true));
    if (a->arch == gllm::ModelArch::gemma) c.embedding_scale = sqrtf(static_cast<float>(c.width));
    if (name == "gemma2") c.attention_softcap = static_cast<float>(in.number_or("attn_logit_softcapping", 50, true));
    if (name == "gemma2" || name == "gemma3") {
        c.final_softcap = static_cast<float>(in.number_or("final_logit_softcapping", name == "gemma2" ? 30 : 0, true));
        const bool of_27b = c.layers == (name == "gemma2" ? 46u : 62u);
        if (of_27b) c.attention_scale = 1 / sqrtf(static_cast<float>(c.width / c.heads));
    }
    read_window(in, name);
    read_rope(in, name);
    if (!in.ok()) return in.error;

    const gguf::Tensor* table = file.tensor("token_embd.weight");
    if (!table) return "tensor 'token_embd.weight' is missing";
    if (table->shape[1] > INT32_MAX) return "tensor 'token_embd.weight' has too many rows";
    c.vocabulary = static_cast<size_t>(table->shape[1]);
    weights = gllm::ModelWeights();
    weights.embedding       = in.matrix("token_embd.weight", c.vocabulary, c.width);
    weights.final_norm      = in.vector("output_norm.weight", c.width);
    weights.final_norm_bias = in.vector("output_norm.bias", c.width, !a->layer_norm);
    weights.lm_head         = in.matrix("output.weight", c.vocabulary, c.width, true);
    weights.lm_head_bias    = in.vector("output.bias", c.vocabulary, true);
    if (name == "gpt2") {
        if (c.context > trained_) return "the context can be " + std::to_string(trained_) + " positions at most";
        weights.positions = in.matrix("position_embd.weight", c.context, c.width, false, 0, trained_);
    }
    layers_.clear();
    for (size_t i = 0; i < c.layers && in.ok(); i++) {
        layers_.emplace_back();
        read_layer(in, *a, "blk." + std::to_string(i) + ".", layers_.back());
    }
    weights.layers = layers_.data();
    in.check_all_used();
    return in.error;
} catch (const std::exception&) {                                   // bad_alloc or its like
    return "out of memory";
}

/// Which layers see only the last positions, and how many of those.
inline void Source::read_window(Reader& in, std::string_view name) {
    const uint64_t none = 0, usual = 4096;
    if (name == "gemma2") {
        config.window = in.integer("attention.sliding_window", 0, INT32_MAX, &usual);
        config.window_pattern = 2;
    } else if (name == "gemma3") {
        config.window = in.integer("attention.sliding_window", 0, INT32_MAX);
        config.window_pattern = in.integer("attention.sliding_window_pattern", 1, 1 << 16, uint64_t(6));
    } else if (name == "phi3") {
        const bool old = (config.layers == 32 || config.layers == 40) && trained_ == 4096;     // files from before the key
        const uint64_t absent = old ? 2047 : none;
        config.window = in.integer("attention.sliding_window", 0, INT32_MAX, old || trained_ == 131072 ? &absent : nullptr);
    }
}

inline void Source::read_rope(Reader& in, std::string_view name) {
    if (name == "gpt2") return;
    const std::string_view scaling = in.text("rope.scaling.type");
    gllm::RopeConfig& r = config.rope;
    r.style = find_architecture(name)->rope;
    r.n_rot = in.integer("rope.dimension_count", 2, config.head_dim, config.head_dim);
    if (in.ok() && (r.n_rot % 2 || (name == "llama" && r.n_rot != config.head_dim)))
        in.complain("key '" + in.key("rope.dimension_count") + "' is " + std::to_string(r.n_rot) + ", where " +
                    (name == "llama" ? std::to_string(config.head_dim) : "an even number") + " is needed");
    r.base = in.number_or("rope.freq_base", 10000);
    if (name == "gemma3") {
        config.local_rope = r;
        config.local_rope.base = in.number_or("rope.freq_base_swa", 10000);
    }
    r.factor = in.number_or("rope.scaling.factor", in.number_or("rope.scale_linear", 0, true), true);
    r.magnitude = in.number_or("rope.scaling.attn_factor", 1);
    r.original_context = in.integer("rope.scaling.original_context_length", 1, INT32_MAX, trained_);
    r.beta_fast = in.number_or("rope.scaling.yarn_beta_fast", 32);
    r.beta_slow = in.number_or("rope.scaling.yarn_beta_slow", 1);
    if (!(r.factor > 0) || scaling == "none" || scaling == "longrope") r.factor = 1;
    if (scaling == "yarn") r.scaling = gllm::RopeScaling::yarn;
    else if (scaling.empty() || scaling == "linear" || scaling == "none" || scaling == "longrope") r.scaling = gllm::RopeScaling::linear;
    else in.complain("key '" + in.key("rope.scaling.type") + "' is " + gguf::quoted(scaling) +
                     ", where none, linear, yarn or longrope is needed");

    r.factors       = in.factors("rope_freqs.weight", r.n_rot / 2);
    r.long_factors  = in.factors("rope_factors_long.weight", r.n_rot / 2);
    r.short_factors = in.factors("rope_factors_short.weight", r.n_rot / 2);
    if (!r.factors && !r.long_factors != !r.short_factors)
        in.complain("tensors 'rope_factors_long.weight' and 'rope_factors_short.weight' belong together");
    if (!r.factors && r.long_factors) {                             // one of the lists for good, whatever else scales
        r.factors = config.context > r.original_context ? r.long_factors : r.short_factors;
    }
}

inline void Source::read_layer(Reader& in, const Architecture& a, const std::string& block, gllm::LayerWeights& l) {
    const size_t d = config.width, f = config.hidden, q = config.heads * config.head_dim, kv = config.kv_heads * config.head_dim;
    const bool biases = a.layer_norm;                               // which then all linear maps have
    const auto linear = [&](const char* part, size_t rows, size_t cols, gllm::DeviceTensor& w, gllm::DeviceTensor& b, size_t from = 0,
                            size_t all = 0) {
        w = in.matrix(block + part + ".weight", rows, cols, false, from, all);
        b = in.vector(block + part + ".bias", rows, !biases, from, all);
    };
    const auto norm = [&](const char* part, size_t n) { return in.vector(block + part + ".weight", n); };
    l.attn_norm      = norm("attn_norm", d);
    l.attn_norm_bias = in.vector(block + "attn_norm.bias", d, !a.layer_norm);
    if (a.fused_qkv && (in.there(block + "attn_qkv.weight") || !in.there(block + "attn_q.weight"))) {
        linear("attn_qkv", q, d, l.q, l.q_bias, 0, q + 2 * kv);
        linear("attn_qkv", kv, d, l.k, l.k_bias, q, q + 2 * kv);
        linear("attn_qkv", kv, d, l.v, l.v_bias, q + kv, q + 2 * kv);
    } else {
        linear("attn_q", q, d, l.q, l.q_bias);
        linear("attn_k", kv, d, l.k, l.k_bias);
        linear("attn_v", kv, d, l.v, l.v_bias);
    }
    if (a.head_norms) {
        l.q_norm = norm("attn_q_norm", config.head_dim);
        l.k_norm = norm("attn_k_norm", config.head_dim);
    }
    linear("attn_output", d, q, l.out, l.out_bias);
    if (a.post_norms) {
        l.post_attn_norm = norm("post_attention_norm", d);
        l.post_ffn_norm  = norm("post_ffw_norm", d);
    }
    if (!config.parallel) {
        l.ffn_norm      = norm("ffn_norm", d);
        l.ffn_norm_bias = in.vector(block + "ffn_norm.bias", d, !a.layer_norm);
    }
    if (a.fused_gate) {
        linear("ffn_up", f, d, l.gate, l.gate_bias, 0, 2 * f);
        linear("ffn_up", f, d, l.up, l.up_bias, f, 2 * f);
    } else {
        if (a.gate) linear("ffn_gate", f, d, l.gate, l.gate_bias);
        linear("ffn_up", f, d, l.up, l.up_bias);
    }
    linear("ffn_down", d, f, l.down, l.down_bias);
}

// ---- a session ------------------------------------------------------------------

/// A model and one sequence: eval() appends tokens to it, reset() empties it. The source must outlive it.
class Session {
public:
    /// tokens: how many the sequence can have; 0, or more than the context: as many as that.
    std::string open(const Source& source, gllm::ModelOptions options = {}, gllm::CacheType type = gllm::CacheType::f32,
                     size_t tokens = 0) {
        const gllm::ModelConfig& c = source.config;
        constexpr size_t most = size_t(1) << 24;                    // numbers in the activations of a batch, where one token has fewer
        const size_t widest = std::max({c.width, c.hidden, c.heads * c.head_dim});
        options.batch = std::min(options.batch, std::max<size_t>(1, most / std::max<size_t>(widest, 1)));
        if (const gllm::Status s = model_.init(c, source.weights, options); !s) return message(s, model_.error());
        const gllm::KvCacheConfig config = model_.cache_config(tokens ? std::min(tokens, c.context) : c.context, type);
        if (const gllm::Status s = cache_.init(config); !s) return message(s, cache_.error());
        return std::string();
    }
#ifdef GLLM_KERNELS_COMPILER
    /// From now on its layers run as graphs compiled for this CPU: the same logits.
    std::string compile(gllm::DeviceProfile profile = gllm::DeviceProfile::host()) {
        const gllm::Status s = model_.compile(profile);
        return s ? std::string() : message(s, model_.error());
    }
#endif
    size_t vocabulary() const { return model_.config().vocabulary; }
    size_t context() const    { return model_.config().context; }
    size_t position() const   { return cache_.length(0); }
    void   reset()            { cache_.reset_seq(0); }
    void   truncate(size_t length) { cache_.truncate(0, length); }
    size_t cache_bytes() const { return cache_.stats().bytes; }
    size_t packed_bytes() const { return model_.packed_bytes(); }

    /// Appends n tokens and writes logits[outputs][vocabulary], those that follow each of the last `outputs` tokens. Where it
    /// fails the sequence is as it was.
    gllm::Status eval(const int32_t* tokens, size_t n, float* logits, size_t outputs) try {
        if (outputs > n) return {gllm::Code::invalid_argument, "outputs must be at most n"};
        batch_.resize(n);
        for (size_t i = 0; i < n; i++) batch_[i] = {tokens[i], 0, n - i <= outputs};
        return model_.decode(cache_, {batch_.data(), n}, logits);
    } catch (const std::exception&) {                               // bad_alloc or its like
        return {gllm::Code::out_of_memory, "out of memory"};
    }

    /// What a status of eval() says, with the figures that belong to it.
    std::string why(const gllm::Status& s) const {
        return model_.error().status.what == s.what ? message(s, model_.error()) : std::string(s.what);
    }
    static std::string message(const gllm::Status& s, const gllm::InferenceError& error) {
        std::string text = s.what;
        if (error.name[0]) text += ": " + std::string(error.name);
        if (error.requested) text += " (" + std::to_string(error.requested) + ", " + std::to_string(error.available) + " there)";
        return text;
    }

private:
    gllm::Model model_;
    gllm::KvCache cache_;
    std::vector<gllm::BatchToken> batch_;
};

// ---- likelihood -------------------------------------------------------------------

/// -ln softmax(logits)[token], in double.
inline double negative_log_likelihood(const float* logits, size_t n, int32_t token) {
    const double top = static_cast<double>(*std::max_element(logits, logits + n));
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp(static_cast<double>(logits[i]) - top);
    return top + log(sum) - static_cast<double>(logits[token]);
}

/// The summed negative log-likelihood in nats of all tokens but the first, from an empty sequence.
inline gllm::Status likelihood(Session& session, const std::vector<int32_t>& tokens, double& nats) try {
    constexpr size_t step = 128;
    nats = 0;
    if (tokens.size() < 2) return {gllm::Code::ok, ""};
    const size_t n = tokens.size() - 1, vocabulary = session.vocabulary();
    std::vector<float> logits(std::min(n, step) * vocabulary);
    session.reset();
    for (size_t first = 0; first < n; first += step) {
        const size_t m = std::min(step, n - first);
        if (const gllm::Status s = session.eval(&tokens[first], m, logits.data(), m); !s) return s;
        for (size_t i = 0; i < m; i++) nats += negative_log_likelihood(&logits[i * vocabulary], vocabulary, tokens[first + i + 1]);
    }
    return {gllm::Code::ok, ""};
} catch (const std::exception&) {                                   // bad_alloc or its like
    return {gllm::Code::out_of_memory, "out of memory"};
}

} // namespace model

#endif // GLLM_EXAMPLES_MODEL_HPP
