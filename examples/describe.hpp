// describe.hpp: what a GGUF file holds, as tables.
//
//   std::string error = describe::print(file, "model.gguf", stdout);   // empty, or why it does not run as a model
//
// SPDX-License-Identifier: MIT

#ifndef GLLM_EXAMPLES_DESCRIBE_HPP
#define GLLM_EXAMPLES_DESCRIBE_HPP

#include "chat.hpp"
#include "model.hpp"

namespace describe {

inline std::string scalar(const gguf::Value& v) {
    uint64_t n;
    double x;
    bool flag;
    std::string_view text;
    char digits[32];
    if (v.get(text)) return gguf::quoted(text);
    if (v.get(flag)) return flag ? "true" : "false";
    if (v.get(n)) return std::to_string(n);
    if (v.get(x)) return snprintf(digits, sizeof digits, "%.9g", x), digits;
    return "a negative integer";
}
inline std::string value(const gguf::Value& v) {
    static const char* const kinds[] = {"u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};
    return v.array ? std::to_string(v.count) + " x " + kinds[static_cast<size_t>(v.kind)] : scalar(v);
}
inline std::string size(double bytes) {
    const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    for (; bytes >= 1024 && unit < 4; unit++) bytes /= 1024;
    char text[32];
    snprintf(text, sizeof text, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return text;
}

/// The shape of the model, and what a token costs in the cache.
inline void print_config(const gllm::ModelConfig& c, FILE* out) {
    const auto line = [&](const char* name, const std::string& text) { fprintf(out, "  %-12s %s\n", name, text.c_str()); };
    const auto number = [](double x) { char text[32]; return snprintf(text, sizeof text, "%.6g", x), std::string(text); };
    fprintf(out, "\nmodel\n");
    line("shape", std::to_string(c.layers) + " layers of width " + std::to_string(c.width) + ", feed-forward " + std::to_string(c.hidden));
    line("heads", std::to_string(c.heads) + " of " + std::to_string(c.head_dim) + ", " + std::to_string(c.kv_heads) +
        " of keys and values");
    line("vocabulary", std::to_string(c.vocabulary));
    line("norm", std::string(c.norm == gllm::NormType::rms ? "RMS" : "layer") + ", epsilon " + number(static_cast<double>(c.epsilon)));
    line("activation", std::string(c.activation == gllm::Activation::gelu ? "gelu" : "silu") + (c.parallel ? ", beside attention" : ""));
    static const char* const scalings[] = {"none", "linear", "dynamic", "yarn", "llama3", "longrope"};
    std::string turns = "learnt", window = std::to_string(c.window);
    if (c.rope.n_rot) {
        turns = std::to_string(c.rope.n_rot) + " numbers turn, " + (c.rope.style == gllm::RopeStyle::half ? "halves" : "neighbours") +
                ", base " + number(c.rope.base);
        if (c.rope.factor > 1) turns += ", " + std::string(scalings[static_cast<size_t>(c.rope.scaling)]) + " x " + number(c.rope.factor);
        if (c.rope.factors) turns += ", a factor each";
    }
    line("positions", turns);
    if (c.window_pattern) window += "; one layer of " + std::to_string(c.window_pattern) + " sees all";
    if (c.window) line("window", window);
    if (c.attention_softcap > 0 || c.final_softcap > 0)
        line("caps", number(static_cast<double>(c.attention_softcap)) + " of scores, " + number(static_cast<double>(c.final_softcap)) +
            " of logits");
    line("context", std::to_string(c.context));
    static const struct { const char* name; gllm::CacheType type; } types[] = {
        {"f32", gllm::CacheType::f32}, {"f16", gllm::CacheType::f16}, {"bf16", gllm::CacheType::bf16}, {"q8_0", gllm::CacheType::Q8_0}};
    std::string cache;
    for (const auto& t : types) {
        gllm::KvCacheConfig k;
        k.kv_heads = c.kv_heads;
        k.head_dim = c.head_dim;
        k.key_type = k.value_type = t.type;
        const size_t page = gllm::KvCache::page_bytes(k);           // of 16 tokens
        if (page)
            cache += (cache.empty() ? "" : ", ") + std::string(t.name) + " " +
                size(static_cast<double>(page) * static_cast<double>(c.layers) / 16);
    }
    line("cache", cache + " a token");
}

inline std::string print(const gguf::File& file, const char* name, FILE* out) {
    double bytes = 0, weights = 0;
    for (const gguf::Tensor& t : file.tensors()) {
        bytes += static_cast<double>(t.bytes);
        weights += static_cast<double>(t.bytes / t.type->bytes() * t.type->block());
    }
    fprintf(out, "%s: %s, %zu tensors", name, size(static_cast<double>(file.mapping().size())).c_str(), file.tensors().size());
    if (weights > 0) fprintf(out, " of %.0f weights, %.2f bits each: %s", weights, 8 * bytes / weights, gguf::type_summary(file).c_str());
    fprintf(out, "\n");

    model::Source source;
    const std::string error = source.load(file);
    if (error.empty()) print_config(source.config, out);
    const std::string_view written = file.text("tokenizer.chat_template");
    fprintf(out, "\nmetadata\n");
    size_t width = 0;
    for (const auto& k : file.metadata()) width = std::max(width, gguf::printable(k.first).size());
    for (const auto& k : file.metadata())
        fprintf(out, "  %-*s %s\n", static_cast<int>(width), gguf::printable(k.first).c_str(), value(k.second).c_str());
    if (!written.empty()) fprintf(out, "  turns of --chat: %s\n", chat::find(written).name);
    if (!file.tensors().empty()) fprintf(out, "\ntensors\n");
    width = 0;
    for (const gguf::Tensor& t : file.tensors()) width = std::max(width, gguf::printable(t.name).size());
    for (const gguf::Tensor& t : file.tensors()) {
        std::string shape = std::to_string(t.shape[0]);
        for (uint32_t i = 1; i < t.dims; i++) shape += " x " + std::to_string(t.shape[i]);
        fprintf(out, "  %-*s %-8s %16s %12s\n", static_cast<int>(width), gguf::printable(t.name).c_str(), t.type->name(), shape.c_str(),
                size(static_cast<double>(t.bytes)).c_str());
    }
    return error;
}

} // namespace describe

#endif // GLLM_EXAMPLES_DESCRIBE_HPP
