// quantize.hpp: a GGUF file again, with its matrices in another format.
//
//   std::string error = quantize::convert(file, "out.gguf", *quantize::find_type("Q4_K"), {}, [](size_t done) { return true; });
//
// With an Importance, gathered by a model of the same file while it read a text, errors count by what they do to the results.
//
// The metadata stay as they are, but for general.file_type. Matrices with rows of whole blocks become TYPE, whatever they were: F32,
// F16, BF16 or blocks. What is no matrix, and learnt positions, is copied. What goes in and out of the model, token_embd and
// output, costs few bytes and much when it is wrong: it is Q6_K where TYPE has fewer bits. Rows that are no whole blocks of the
// type become Q8_0 where that is smaller, else they are copied.
//
// SPDX-License-Identifier: MIT

#ifndef GLLM_EXAMPLES_QUANTIZE_HPP
#define GLLM_EXAMPLES_QUANTIZE_HPP

#ifndef GLLM_KERNELS_MODEL
#define GLLM_KERNELS_MODEL
#endif
#include "gguf.hpp"

#include <math.h>
#include <filesystem>
#include <functional>
#include <map>

namespace quantize {

// ---- types ------------------------------------------------------------------------

constexpr uint32_t type_ids = 64;

/// By its name in any case; null where there is no such type, or not in this build.
inline const gguf::Type* find_type(std::string_view name) {
    const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
    for (uint32_t id = 0; id < type_ids; id++) {
        const gguf::Type* t = gguf::find_type(id);
        if (!t || t->block() == 0) continue;
        const std::string_view known = t->name();
        if (std::equal(name.begin(), name.end(), known.begin(), known.end(), [&](char a, char b) { return upper(a) == b; })) return t;
    }
    return nullptr;
}
inline std::string type_names() {
    std::string names;
    for (uint32_t id = 0; id < type_ids; id++) {
        const gguf::Type* t = gguf::find_type(id);
        if (t && t->block()) names += (names.empty() ? "" : " ") + std::string(t->name());
    }
    return names;
}

/// general.file_type of a file of mostly this type; UINT32_MAX where none is known.
inline uint32_t file_type(const gguf::Type& type) {
    static const struct { uint32_t id, file_type; } known[] = {
        {0, 0}, {1, 1}, {2, 2}, {3, 3}, {8, 7}, {6, 8}, {7, 9}, {10, 10}, {11, 12}, {12, 15}, {13, 17}, {14, 18}, {16, 19}, {17, 20},
        {18, 23}, {19, 24}, {20, 25}, {21, 26}, {22, 28}, {23, 30}, {29, 31}, {30, 32}, {34, 36}, {35, 37}, {39, 38},
    };
    for (const auto& k : known)
        if (k.id == type.id) return k.file_type;
    return UINT32_MAX;
}

inline double bits_per_weight(const gguf::Type& t) { return 8.0 * static_cast<double>(t.bytes()) / static_cast<double>(t.block()); }

/// What a tensor becomes.
inline const gguf::Type* type_of(const gguf::Tensor& t, const gguf::Type& wanted) {
    const auto fits = [&](const gguf::Type* type) { return type && t.shape[0] % type->block() == 0; };
    const uint64_t rows = t.shape[1] * t.shape[2] * t.shape[3];
    if (rows == 1 || t.name == "position_embd.weight") return t.type;
    const bool outer = t.name == "token_embd.weight" || t.name == "output.weight";
    const bool few = wanted.storage == gguf::Storage::blocks && gllm::bits(wanted.quant) < 6;
    const gguf::Type *const q6 = find_type("Q6_K"), *const q8 = find_type("Q8_0");
    const gguf::Type* to = &wanted;
    if (outer && few && q6) to = q6;
    if (!fits(to)) to = fits(q8) ? q8 : t.type;
    return to != &wanted && bits_per_weight(*to) >= bits_per_weight(*t.type) ? t.type : to;
}

// ---- importance ---------------------------------------------------------------------

/// The mean square of each input of each matrix. The model gets options.watch = &Importance::add, options.user = this object.
class Importance {
public:
    static void add(void* user, const void* weights, const float* x, size_t m, size_t k) try {
        Sums& sums = static_cast<Importance*>(user)->of_[weights];
        sums.squares.resize(k);
        sums.rows += m;
        for (size_t i = 0; i < m; i++, x += k)
            for (size_t j = 0; j < k; j++) sums.squares[j] += static_cast<double>(x[j]) * static_cast<double>(x[j]);
    } catch (const std::exception&) {                               // bad_alloc or its like
        static_cast<Importance*>(user)->whole_ = false;
    }
    bool whole() const { return whole_; }
    /// By the columns of the matrix that begins at `weights`; empty where nothing was multiplied with it.
    std::vector<float> of(const void* weights) const {
        std::vector<float> means;
        const auto found = of_.find(weights);
        if (found == of_.end()) return means;
        for (double sum : found->second.squares) means.push_back(static_cast<float>(sum / static_cast<double>(found->second.rows)));
        return means;
    }

private:
    struct Sums { std::vector<double> squares; size_t rows = 0; };
    std::map<const void*, Sums> of_;
    bool whole_ = true;
};

// ---- writing ------------------------------------------------------------------------

class Writer {
public:
    explicit Writer(const std::string& path) : file_(fopen(path.c_str(), "wb")) {}
    ~Writer() { close(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    bool ok() const { return file_ && good_; }
    bool close() {
        if (file_ && fclose(file_) != 0) good_ = false;
        const bool was = ok();
        file_ = nullptr;
        return was;
    }
    uint64_t size() const { return size_; }
    void bytes(const void* data, size_t n) {
        if (n && ok() && fwrite(data, 1, n, file_) != n) good_ = false;
        size_ += n;
    }
    template <class T> void number(T v) { bytes(&v, sizeof v); }
    void text(std::string_view s) {
        number<uint64_t>(s.size());
        bytes(s.data(), s.size());
    }
    void pad(uint64_t alignment) {
        const char zeros[64] = {};
        while (size_ % alignment) bytes(zeros, static_cast<size_t>(std::min<uint64_t>(sizeof zeros, alignment - size_ % alignment)));
    }

private:
    FILE* file_;
    bool good_ = true;
    uint64_t size_ = 0;
};

inline void write_value(Writer& out, std::string_view key, const gguf::Value& v) {
    out.text(key);
    if (v.array) out.number(static_cast<uint32_t>(gguf::Kind::array));
    out.number(static_cast<uint32_t>(v.kind));
    if (v.array) out.number(v.count);
    out.bytes(v.begin, static_cast<size_t>(v.end - v.begin));
}

inline void write_head(Writer& out, const gguf::File& in, const gguf::Type& wanted, uint64_t alignment) {
    std::vector<std::pair<std::string_view, gguf::Value>> keys(in.metadata().begin(), in.metadata().end());
    std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.second.begin < b.second.begin; });  // as in the file
    const uint32_t id = file_type(wanted);
    const auto is_type = [](const auto& k) { return k.first == "general.file_type"; };
    if (id == UINT32_MAX) keys.erase(std::remove_if(keys.begin(), keys.end(), is_type), keys.end());
    out.bytes("GGUF", 4);
    out.number<uint32_t>(3);
    out.number<uint64_t>(in.tensors().size());
    out.number<uint64_t>(keys.size());
    for (const auto& k : keys) {
        if (!is_type(k)) { write_value(out, k.first, k.second); continue; }
        out.text(k.first);
        out.number(static_cast<uint32_t>(gguf::Kind::u32));
        out.number(id);
    }
    uint64_t at = 0;
    for (const gguf::Tensor& t : in.tensors()) {
        const gguf::Type* to = type_of(t, wanted);
        out.text(t.name);
        out.number(t.dims);
        for (uint32_t i = 0; i < t.dims; i++) out.number(t.shape[i]);
        out.number(to->id);
        out.number(at);
        at += t.bytes / t.type->bytes() * t.type->block() / to->block() * to->bytes();
        at += (alignment - at % alignment) % alignment;
    }
    out.pad(alignment);
}

/// The rows of a tensor in another type.
inline std::string write_rows(Writer& out, const gguf::Tensor& t, const gguf::Type& to, const Importance& importance,
                              gllm::CpuKernels<float>& k) {
    const size_t cols = static_cast<size_t>(t.shape[0]), rows = static_cast<size_t>(t.shape[1] * t.shape[2] * t.shape[3]);
    const size_t row_bytes = cols / t.type->block() * t.type->bytes(), step = std::max<size_t>(1, (size_t(1) << 20) / cols);
    std::vector<float> x(std::min(rows, step) * cols), weight = importance.of(t.data);
    if (weight.size() != cols) weight.clear();
    for (size_t row = 0; row < rows; row += step) {
        const size_t n = std::min(step, rows - row);
        gllm::DeviceTensor from, blocks;
        gllm::Status s = from.view(t.data + row * row_bytes, n, cols, static_cast<gllm::DType>(t.type->storage), t.type->quant);
        if (s) s = from.download_f32(x.data(), n * cols);
        if (s) s = blocks.allocate(n, cols, static_cast<gllm::DType>(to.storage), to.quant);
        if (s && to.storage == gguf::Storage::blocks) s = k.quantize(to.quant, x.data(), n, cols, weight.empty() ? nullptr : weight.data(),
                                                                          blocks.data);
        else if (s) s = blocks.upload_f32(x.data(), n * cols);
        const size_t bad = s ? n * cols : gllm::first_not_finite(x.data(), n * cols);
        if (bad < n * cols)
            return std::string(s.what) + " (row " + std::to_string(row + bad / cols) + ", column "
                 + std::to_string(bad % cols) + ")";
        if (!s) return s.what;
        if (to.storage == gguf::Storage::f16)
            for (size_t i = 0; i < n * cols; i++)
                if (fabsf(x[i]) >= 65520 && isfinite(x[i])) return "number " + std::to_string(row * cols + i) + " is too large for F16";
        out.bytes(blocks.data, blocks.bytes);
    }
    return std::string();
}

/// All of it to a new file.
inline std::string write(const gguf::File& in, const std::string& path, const gguf::Type& wanted, gllm::Parallel parallel,
                         const std::function<bool(size_t)>& go_on, const Importance& importance) try {
    uint64_t alignment = 32;
    if (const gguf::Value* v = in.value("general.alignment")) v->get(alignment);
    gllm::CpuKernels<float> k;
    k.parallel = parallel;
    Writer out(path);
    if (!out.ok()) return "cannot write " + gguf::quoted(path);
    write_head(out, in, wanted, alignment);
    for (size_t i = 0; i < in.tensors().size() && out.ok(); i++) {
        const gguf::Tensor& t = in.tensors()[i];
        const gguf::Type* to = type_of(t, wanted);
        if (!go_on(i)) return "interrupted";
        std::string error;
        if (to == t.type) out.bytes(t.data, static_cast<size_t>(t.bytes));
        else error = write_rows(out, t, *to, importance, k);
        if (!error.empty()) return "tensor " + gguf::quoted(t.name) + ": " + error;
        out.pad(alignment);
    }
    return out.close() ? std::string() : "cannot write all of " + gguf::quoted(path);
} catch (const std::exception&) {                                   // bad_alloc or its like
    return "out of memory";
}

/// What is wrong, or an empty string. go_on(tensors done so far) may end it by false. A file that is not whole does not stay,
/// and one of the name of `path` is replaced at the end. That may be `in`, which is closed before: Windows replaces no file
/// that is mapped.
inline std::string convert(gguf::File& in, const char* path, const gguf::Type& wanted, gllm::Parallel parallel,
                           const std::function<bool(size_t)>& go_on, const Importance& importance = Importance()) try {
    std::error_code none;
    if (std::filesystem::is_directory(path, none)) return gguf::quoted(path) + " is a directory";
    const std::string part = std::string(path) + ".part";
    std::string error = write(in, part, wanted, parallel, go_on, importance);
    if (error.empty()) {
        in.close();
        std::error_code failed;
        std::filesystem::rename(part, path, failed);
        if (failed) error = "cannot rename " + gguf::quoted(part);
    }
    if (!error.empty()) remove(part.c_str());
    return error;
} catch (const std::exception&) {                                   // bad_alloc or its like
    return "out of memory";
}

} // namespace quantize

#endif // GLLM_EXAMPLES_QUANTIZE_HPP
