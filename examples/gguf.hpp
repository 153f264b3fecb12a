// gguf.hpp: GGUF model files, versions 2 and 3, read in place.
//
//   gguf::File file;
//   std::string error = file.open("model.gguf");                   // empty when all is well
//   const gguf::Tensor* t = file.tensor("output.weight");          // null when there is none
//
// The file is mapped and nothing in it is copied: names, strings, arrays and tensors are views into it. Nothing in it is
// trusted either. Every count is held against the bytes that remain before anything is stored, so that a reader of a
// damaged file needs no more memory than a small multiple of its size, no byte belongs to two tensors, and the first fault is
// told with the key or tensor it is in. Hosts are little-endian, as the files are.
//
// SPDX-License-Identifier: MIT

#ifndef GLLM_EXAMPLES_GGUF_HPP
#define GLLM_EXAMPLES_GGUF_HPP

#include "gllm_kernels.hpp"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <algorithm>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#if defined(_WIN32)
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#elif defined(__unix__) || defined(__APPLE__)
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace gguf {

// ---- a file in memory ---------------------------------------------------------

/// A whole file, read-only: mapped where the system can, else read.
class Mapping {
public:
    Mapping() = default;
    ~Mapping() { close(); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    const unsigned char* data() const { return data_; }
    size_t size() const { return size_; }

#if defined(_WIN32)
    std::string open(const char* path) {
        close();
        const HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, 0, nullptr);
        if (file == INVALID_HANDLE_VALUE) return "cannot open the file";
        std::string error;
        LARGE_INTEGER bytes;
        if (GetFileType(file) != FILE_TYPE_DISK) {
            error = "not a regular file";
        } else if (!GetFileSizeEx(file, &bytes)) {
            error = "cannot tell the size of the file";
        } else if (bytes.QuadPart == 0) {
            error = "the file is empty";
        } else if (static_cast<uint64_t>(bytes.QuadPart) > SIZE_MAX) {
            error = "the file is larger than the address space";
        } else {
            const HANDLE view = CreateFileMappingA(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
            void* p = view ? MapViewOfFile(view, FILE_MAP_READ, 0, 0, 0) : nullptr;
            if (view) CloseHandle(view);
            if (p) {
                data_ = static_cast<const unsigned char*>(p);
                size_ = static_cast<size_t>(bytes.QuadPart);
            } else {
                error = "cannot map the file";
            }
        }
        CloseHandle(file);
        return error;
    }
    void close() {
        if (data_) UnmapViewOfFile(data_);
        data_ = nullptr;
        size_ = 0;
    }
#elif defined(__unix__) || defined(__APPLE__)
    std::string open(const char* path) {
        close();
        const int file = ::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);   // a FIFO would wait for its writer
        if (file < 0) return std::string("cannot open the file: ") + strerror(errno);
        std::string error;
        struct stat info;
        if (fstat(file, &info) != 0) {
            error = "cannot tell the size of the file";
        } else if (!S_ISREG(info.st_mode)) {
            error = S_ISDIR(info.st_mode) ? "not a regular file but a directory" : S_ISFIFO(info.st_mode) ?
                    "not a regular file but a FIFO" : "not a regular file but a device or its like";
        } else if (info.st_size == 0) {
            error = "the file is empty";
        } else if (static_cast<uint64_t>(info.st_size) > SIZE_MAX) {
            error = "the file is larger than the address space";
        } else {
            void* p = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, file, 0);
            if (p != MAP_FAILED) {
                data_ = static_cast<const unsigned char*>(p);
                size_ = static_cast<size_t>(info.st_size);
            } else {
                error = "cannot map the file";
            }
        }
        ::close(file);
        return error;
    }
    void close() {
        if (data_) munmap(const_cast<unsigned char*>(data_), size_);
        data_ = nullptr;
        size_ = 0;
    }
#else
    std::string open(const char* path) {
        close();
        FILE* file = fopen(path, "rb");
        if (!file) return "cannot open the file";
        const size_t step = size_t(1) << 20;
        for (size_t got = step; got == step;) {
            bytes_.resize(size_ + step);
            got = fread(bytes_.data() + size_, 1, step, file);
            size_ += got;
        }
        const bool failed = ferror(file) != 0;
        fclose(file);
        if (failed) { close(); return "cannot read the file"; }
        if (size_ == 0) return "the file is empty";
        data_ = bytes_.data();
        return std::string();
    }
    void close() {
        bytes_ = std::vector<unsigned char>();
        data_ = nullptr;
        size_ = 0;
    }
private:
    std::vector<unsigned char> bytes_;
#endif
private:
    const unsigned char* data_ = nullptr;
    size_t size_ = 0;
};

// ---- metadata -----------------------------------------------------------------

enum class Kind : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
constexpr uint32_t kind_count = 13;
constexpr int max_array_depth = 8;

/// Bytes of one value of a kind; 0 for those of no fixed size.
inline size_t kind_bytes(Kind kind) {
    static const unsigned char bytes[kind_count] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return bytes[static_cast<uint32_t>(kind)];
}

/// A name from outside, fit for a message: cut at 64 bytes, what is not printable as \xNN.
inline std::string printable(std::string_view name) {
    std::string out;
    for (size_t i = 0; i < name.size() && i < 64; i++) {
        const unsigned char c = static_cast<unsigned char>(name[i]);
        char hex[8];
        if (c >= 0x20 && c < 0x7f) out += static_cast<char>(c);
        else out += (snprintf(hex, sizeof hex, "\\x%02X", static_cast<unsigned>(c)), hex);
    }
    return out + (name.size() > 64 ? "..." : "");
}
inline std::string quoted(std::string_view name) { return "'" + printable(name) + "'"; }

/// Reads forward and never past the end: a get() that fails reads nothing.
class Cursor {
public:
    Cursor(const unsigned char* begin, const unsigned char* end) : at_(begin), end_(end) {}
    const unsigned char* at() const { return at_; }
    size_t left() const { return static_cast<size_t>(end_ - at_); }

    bool skip(size_t n) {
        if (n > left()) return false;
        at_ += n;
        return true;
    }
    template <class T> bool get(T& value) {
        if (sizeof value > left()) return false;
        memcpy(&value, at_, sizeof value);
        at_ += sizeof value;
        return true;
    }
    bool get(std::string_view& text) {                              // u64 length, then the bytes
        uint64_t length;
        if (left() < sizeof length) return false;
        memcpy(&length, at_, sizeof length);
        if (length > left() - sizeof length) return false;
        text = std::string_view(reinterpret_cast<const char*>(at_) + sizeof length, static_cast<size_t>(length));
        at_ += sizeof length + text.size();
        return true;
    }

private:
    const unsigned char* at_;
    const unsigned char* end_;
};

/// One metadata value, checked: `count` elements of `kind`, or a single one. The getters fail on any other kind.
struct Value {
    Kind kind = Kind::u8;
    bool array = false;
    uint64_t count = 0;
    const unsigned char* begin = nullptr;
    const unsigned char* end = nullptr;

    bool get(std::string_view& text) const { Cursor c(begin, end); return !array && kind == Kind::string && c.get(text); }
    bool get(bool& flag) const { if (array || kind != Kind::boolean) return false; flag = *begin != 0; return true; }
    bool get(uint64_t& n) const {                                   // any integer that is not negative
        if (array) return false;
        switch (kind) {
            case Kind::u8:  return load<uint8_t>(n);
            case Kind::i8:  return load<int8_t>(n);
            case Kind::u16: return load<uint16_t>(n);
            case Kind::i16: return load<int16_t>(n);
            case Kind::u32: return load<uint32_t>(n);
            case Kind::i32: return load<int32_t>(n);
            case Kind::u64: return load<uint64_t>(n);
            case Kind::i64: return load<int64_t>(n);
            default:        return false;
        }
    }
    bool get(double& x) const {
        Cursor c(begin, end);
        if (!array && kind == Kind::f64) return c.get(x);
        float f;
        if (array || kind != Kind::f32 || !c.get(f)) return false;
        x = static_cast<double>(f);
        return true;
    }
    bool get(std::vector<std::string_view>& texts) const {
        if (!array || kind != Kind::string) return false;
        Cursor c(begin, end);
        texts.clear();
        for (std::string_view text; texts.size() < count && c.get(text);) texts.push_back(text);
        return texts.size() == count;
    }
    bool get(std::vector<float>& x) const   { return array && kind == Kind::f32 && copy(x); }
    bool get(std::vector<int32_t>& n) const { return array && (kind == Kind::i32 || kind == Kind::u32) && copy(n); }

private:
    template <class T> bool load(uint64_t& n) const {
        T v;
        memcpy(&v, begin, sizeof v);
        n = static_cast<uint64_t>(v);
        return v >= T(0);
    }
    template <class T> bool copy(std::vector<T>& out) const {
        out.resize(static_cast<size_t>(count));
        if (count) memcpy(out.data(), begin, out.size() * sizeof(T));
        return true;
    }
};

// ---- tensors --------------------------------------------------------------------

enum class Storage : uint8_t { f32, f16, bf16, blocks };

/// How the elements of a tensor are stored: plain, or as blocks of one QuantType.
struct Type {
    uint32_t id;                                                    // in the file
    Storage storage;
    gllm::QuantType quant;                                          // of Storage::blocks
    const char* name() const {
        static const char* const plain[] = {"F32", "F16", "BF16"};
        return storage == Storage::blocks ? gllm::quant_name(quant) : plain[static_cast<int>(storage)];
    }
    size_t block() const { return storage == Storage::blocks ? gllm::block_size(quant) : 1; }
    size_t bytes() const { return storage == Storage::blocks ? gllm::block_bytes(quant) : storage == Storage::f32 ? 4 : 2; }
};

/// Null for a type that the library has no kernels for.
inline const Type* find_type(uint32_t id) {
    using Q = gllm::QuantType;
    static const Type types[] = {
        { 0, Storage::f32,    Q::Q2_K   }, { 1, Storage::f16,    Q::Q2_K   }, {30, Storage::bf16,   Q::Q2_K   },
        { 2, Storage::blocks, Q::Q4_0   }, { 3, Storage::blocks, Q::Q4_1   }, { 6, Storage::blocks, Q::Q5_0   },
        { 7, Storage::blocks, Q::Q5_1   }, { 8, Storage::blocks, Q::Q8_0   }, {10, Storage::blocks, Q::Q2_K   },
        {11, Storage::blocks, Q::Q3_K   }, {12, Storage::blocks, Q::Q4_K   }, {13, Storage::blocks, Q::Q5_K   },
        {14, Storage::blocks, Q::Q6_K   }, {15, Storage::blocks, Q::Q8_K   }, {16, Storage::blocks, Q::IQ2_XXS},
        {17, Storage::blocks, Q::IQ2_XS }, {18, Storage::blocks, Q::IQ3_XXS}, {19, Storage::blocks, Q::IQ1_S  },
        {20, Storage::blocks, Q::IQ4_NL }, {21, Storage::blocks, Q::IQ3_S  }, {22, Storage::blocks, Q::IQ2_S  },
        {23, Storage::blocks, Q::IQ4_XS }, {29, Storage::blocks, Q::IQ1_M  }, {34, Storage::blocks, Q::TQ1_0  },
        {35, Storage::blocks, Q::TQ2_0  }, {39, Storage::blocks, Q::MXFP4  }, {40, Storage::blocks, Q::NVFP4  },
        {41, Storage::blocks, Q::Q1_0   }, {42, Storage::blocks, Q::Q2_0   },
    };
    for (const Type& type : types)
        if (type.id == id) return &type;
    return nullptr;
}

/// shape[0] is the length of a row, the product of the others the number of rows; those from `dims` on are 1.
struct Tensor {
    std::string_view name;
    const Type* type = nullptr;
    uint32_t dims = 0;
    uint64_t shape[4] = {1, 1, 1, 1};
    uint64_t offset = 0;                                            // from the start of the data section
    uint64_t bytes = 0;
    const unsigned char* data = nullptr;
};

// ---- the file -------------------------------------------------------------------

class File {
public:
    /// Each returns what is wrong, or an empty string. parse() keeps views into the caller's bytes.
    std::string open(const char* path) try {
        const std::string error = mapping_.open(path);
        return error.empty() ? parse(mapping_.data(), mapping_.size()) : error;
    } catch (const std::exception&) {                               // bad_alloc or its like
        return "out of memory";
    }
    std::string parse(const void* data, size_t size);
    /// An empty one again: what was read of it is gone.
    void close() {
        mapping_.close();
        tensors_.clear();
        metadata_.clear();
        index_.clear();
    }

    const Mapping& mapping() const { return mapping_; }
    const std::vector<Tensor>& tensors() const { return tensors_; }
    const std::map<std::string_view, Value>& metadata() const { return metadata_; }
    const Tensor* tensor(std::string_view name) const {
        const auto it = index_.find(name);
        return it == index_.end() ? nullptr : &tensors_[it->second];
    }
    const Value* value(std::string_view key) const {
        const auto it = metadata_.find(key);
        return it == metadata_.end() ? nullptr : &it->second;
    }
    std::string_view text(std::string_view key) const {             // empty when there is no such string
        std::string_view s;
        const Value* v = value(key);
        return v && v->get(s) ? s : std::string_view();
    }

private:
    std::string parse_value(Cursor& c, Value& value);
    std::string parse_tensor(Cursor& c, Tensor& tensor);
    static std::string skip_values(Cursor& c, Kind kind, uint64_t count, int depth);
    std::string overlap() const;

    Mapping mapping_;
    std::map<std::string_view, Value> metadata_;
    std::map<std::string_view, size_t> index_;
    std::vector<Tensor> tensors_;
    uint64_t alignment_ = 32;
};

inline std::string File::parse(const void* data, size_t size) try {
    metadata_.clear();
    index_.clear();
    tensors_.clear();
    alignment_ = 32;

    const unsigned char* begin = static_cast<const unsigned char*>(data);
    Cursor c(begin, begin + size);
    if (size < 4 || memcmp(begin, "GGUF", 4) != 0) return "not a GGUF file: it does not start with the letters GGUF";
    c.skip(4);
    uint32_t version;
    uint64_t tensor_count, key_count;
    if (!c.get(version)) return "the file ends inside its header";
    if (version == 0x02000000 || version == 0x03000000) return "a big-endian GGUF file, which is not supported";
    if (version != 2 && version != 3) return "GGUF version " + std::to_string(version) + ", where 2 and 3 are supported";
    if (!c.get(tensor_count) || !c.get(key_count)) return "the file ends inside its header";
    if (tensor_count > c.left() / 32)
        return "the header claims " + std::to_string(tensor_count) + " tensors, more than the file can hold";
    if (key_count > c.left() / 13)
        return "the header claims " + std::to_string(key_count) + " keys, more than the file can hold";

    for (uint64_t i = 0; i < key_count; i++) {
        std::string_view key;
        if (!c.get(key)) return "the file ends inside the name of key " + std::to_string(i);
        Value value;
        const std::string error = parse_value(c, value);
        if (!error.empty()) return "key " + quoted(key) + ": " + error;
        if (!metadata_.emplace(key, value).second) return "key " + quoted(key) + " is there twice";
    }
    if (const Value* v = value("general.alignment")) {
        if (!v->get(alignment_) || v->kind != Kind::u32 || alignment_ == 0 || (alignment_ & (alignment_ - 1)) != 0)
            return "key 'general.alignment' must be a u32 that is a power of two";
    }

    for (uint64_t i = 0; i < tensor_count; i++) {
        Tensor t;
        if (!c.get(t.name)) return "the file ends inside the name of tensor " + std::to_string(i);
        const std::string error = parse_tensor(c, t);
        if (!error.empty()) return "tensor " + quoted(t.name) + ": " + error;
        if (!index_.emplace(t.name, tensors_.size()).second) return "tensor " + quoted(t.name) + " is there twice";
        tensors_.push_back(t);
    }

    const uint64_t head = static_cast<uint64_t>(c.at() - begin);
    const uint64_t start = (head + alignment_ - 1) & ~(alignment_ - 1);
    const uint64_t available = start < size ? size - start : 0;
    for (Tensor& t : tensors_) {
        if (t.offset > available || t.bytes > available - t.offset)
            return "tensor " + quoted(t.name) + ": " + std::to_string(t.bytes) + " bytes at offset " + std::to_string(t.offset) +
                   " reach past the end of the file, which holds " + std::to_string(available) + " bytes of tensors";
        t.data = begin + static_cast<size_t>(start + t.offset);
    }
    return overlap();
} catch (const std::exception&) {                                   // bad_alloc or its like
    return "out of memory";
}

/// Tensors that share bytes would let a small file describe any number of layers.
inline std::string File::overlap() const {
    std::vector<const Tensor*> order;
    for (const Tensor& t : tensors_) order.push_back(&t);
    std::sort(order.begin(), order.end(), [](const Tensor* a, const Tensor* b) {
        return a->offset != b->offset ? a->offset < b->offset : a < b;
    });
    for (size_t i = 1; i < order.size(); i++)
        if (order[i]->offset - order[i - 1]->offset < order[i - 1]->bytes)
            return "tensor " + quoted(order[i]->name) + ": its data overlap those of " + quoted(order[i - 1]->name);
    return std::string();
}

inline std::string File::parse_value(Cursor& c, Value& value) {
    uint32_t id;
    if (!c.get(id)) return "the file ends inside its value";
    value.count = 1;
    if (id == static_cast<uint32_t>(Kind::array)) {
        value.array = true;
        if (!c.get(id) || !c.get(value.count)) return "the file ends inside its value";
    }
    if (id >= kind_count) return "value type " + std::to_string(id) + " is unknown";
    value.kind = static_cast<Kind>(id);
    value.begin = c.at();
    const std::string error = skip_values(c, value.kind, value.count, value.array ? 1 : 0);
    value.end = c.at();
    const bool one_bool = !value.array && value.kind == Kind::boolean;
    return error.empty() && one_bool && *value.begin > 1 ? "a bool that is neither 0 nor 1" : error;
}

/// Moves past `count` values of one kind, which sit in `depth` arrays.
inline std::string File::skip_values(Cursor& c, Kind kind, uint64_t count, int depth) {
    const size_t fixed = kind_bytes(kind);
    const size_t least = fixed ? fixed : kind == Kind::string ? 8 : 12;
    if (count > c.left() / least) {
        if (count == 1) return "the file ends inside its value";
        return "an array of " + std::to_string(count) + " elements, more than the rest of the file can hold";
    }
    if (fixed) {
        c.skip(static_cast<size_t>(count) * fixed);
    } else if (kind == Kind::string) {
        std::string_view text;
        for (uint64_t i = 0; i < count; i++)
            if (!c.get(text)) return "a string that reaches past the end of the file";
    } else {
        if (depth >= max_array_depth) return "arrays nested deeper than " + std::to_string(max_array_depth);
        for (uint64_t i = 0; i < count; i++) {
            uint32_t id;
            uint64_t inner;
            if (!c.get(id) || !c.get(inner)) return "the file ends inside its value";
            if (id >= kind_count) return "value type " + std::to_string(id) + " is unknown";
            const std::string error = skip_values(c, static_cast<Kind>(id), inner, depth + 1);
            if (!error.empty()) return error;
        }
    }
    return std::string();
}

inline std::string File::parse_tensor(Cursor& c, Tensor& t) {
    const char* const cut = "the file ends inside its description";
    uint32_t id;
    if (!c.get(t.dims)) return cut;
    if (t.dims < 1 || t.dims > 4) return std::to_string(t.dims) + " dimensions, where 1 to 4 are possible";
    for (uint32_t i = 0; i < t.dims; i++)
        if (!c.get(t.shape[i])) return cut;
    if (!c.get(id) || !c.get(t.offset)) return cut;

    t.type = find_type(id);
    if (!t.type) return "type " + std::to_string(id) + " is not supported";
    const size_t block = t.type->block();
    if (block == 0) return "type " + std::to_string(id) + " is left out of this build";
    uint64_t elements = 1;
    for (uint32_t i = 0; i < t.dims; i++) {
        if (t.shape[i] == 0) return "dimension " + std::to_string(i) + " is zero";
        if (t.shape[i] > static_cast<uint64_t>(INT64_MAX) / elements) return "the product of its dimensions overflows";
        elements *= t.shape[i];
    }
    if (t.shape[0] % block != 0)
        return "rows of " + std::to_string(t.shape[0]) + " are no whole number of " + t.type->name() + " blocks of " +
               std::to_string(block);
    if (elements / block > UINT64_MAX / t.type->bytes()) return "its size overflows";
    t.bytes = elements / block * t.type->bytes();
    if (t.offset % alignment_ != 0)
        return "offset " + std::to_string(t.offset) + " is not a multiple of the alignment, " + std::to_string(alignment_);
    return std::string();
}

/// How many tensors there are of each type, the one with the most bytes first: "Q4_K x 20, Q6_K x 6, F32 x 9".
inline std::string type_summary(const File& file) {
    struct Row { const Type* type; uint64_t bytes; size_t count; };
    std::vector<Row> rows;
    for (const Tensor& t : file.tensors()) {
        size_t i = 0;
        while (i < rows.size() && rows[i].type != t.type) i++;
        if (i == rows.size()) rows.push_back({t.type, 0, 0});
        rows[i].bytes += t.bytes;
        rows[i].count++;
    }
    std::string out;
    while (!rows.empty()) {
        size_t best = 0;
        for (size_t i = 1; i < rows.size(); i++)
            if (rows[i].bytes > rows[best].bytes) best = i;
        out += (out.empty() ? "" : ", ") + std::string(rows[best].type->name()) + " x " + std::to_string(rows[best].count);
        rows.erase(rows.begin() + static_cast<ptrdiff_t>(best));
    }
    return out;
}

} // namespace gguf

#endif // GLLM_EXAMPLES_GGUF_HPP
