// tokenizer.hpp: text to tokens and back, for the SPM and byte-level BPE vocabularies of GGUF files.
//
//   gguf::File file;                file.open(path);
//   tokenizer::Tokenizer words;     words.load(file);              // each returns a message, empty when all is well
//   std::vector<int32_t> ids = words.encode("In the beginning");   // BOS and EOS as the file asks for them
//   std::string text = words.decode(ids);
//
// tokenizer.ggml.model is "llama" (SPM) or "gpt2" (byte-level BPE), the latter with tokenizer.ggml.pre "gpt-2", "llama-bpe", "qwen2",
// "default" or one of their other names. Nothing refers to the file once it is loaded. Time grows with the text as n log n, whatever
// the text is; a file that is damaged is refused with the name of the key.
//
// SPDX-License-Identifier: MIT

#ifndef GLLM_EXAMPLES_TOKENIZER_HPP
#define GLLM_EXAMPLES_TOKENIZER_HPP

#include "gguf.hpp"

#include <initializer_list>
#include <new>
#include <queue>
#include <utility>

namespace tokenizer {

// ---- Unicode --------------------------------------------------------------------

enum class Class : uint8_t { other, letter, number, punctuation, space };

/// The classes of all code points, from U+0000 on: runs of one class, written 5 * length + class. Letters, numbers and punctuation
/// are the general categories L*, N* and P* of Unicode 14; white space is that of the pre-tokenizers' regular expressions.
constexpr uint32_t class_runs[] = {
    45, 29, 90, 9, 18, 5, 33, 5, 23, 52, 13, 15, 13, 131, 18, 5, 8, 5, 131, 8, 5, 8, 35, 9, 130, 9, 8, 25, 8, 10, 6, 8, 30, 12, 5, 6, 13,
    5, 7, 6, 8, 17, 8, 116, 5, 156, 5, 2291, 20, 61, 70, 26, 35, 6, 5, 6, 645, 26, 5, 11, 10, 21, 8, 6, 30, 6, 8, 16, 5, 6, 5, 101, 5,
    416, 5, 696, 40, 831, 5, 191, 10, 6, 33, 206, 13, 255, 8, 5, 8, 10, 8, 10, 8, 45, 136, 20, 21, 13, 100, 13, 5, 13, 65, 8, 5, 18, 216,
    105, 52, 23, 11, 5, 496, 8, 6, 75, 11, 35, 11, 52, 16, 10, 6, 73, 10, 6, 5, 151, 145, 446, 55, 6, 70, 52, 166, 45, 11, 5, 18, 6, 25,
    111, 20, 6, 45, 6, 15, 6, 35, 78, 5, 126, 25, 8, 5, 56, 25, 121, 5, 31, 85, 211, 290, 271, 15, 6, 90, 6, 35, 51, 10, 13, 52, 8, 81,
    20, 41, 10, 11, 10, 111, 5, 36, 5, 6, 15, 21, 15, 6, 80, 6, 65, 11, 5, 16, 20, 52, 11, 10, 32, 10, 6, 8, 35, 31, 20, 11, 10, 111, 5,
    36, 5, 11, 5, 11, 5, 11, 155, 21, 5, 6, 35, 52, 10, 16, 5, 8, 70, 46, 5, 16, 5, 111, 5, 36, 5, 11, 5, 26, 15, 6, 90, 6, 75, 11, 20,
    52, 8, 40, 6, 55, 41, 10, 11, 10, 111, 5, 36, 5, 11, 5, 26, 15, 6, 150, 11, 5, 16, 20, 52, 5, 6, 32, 55, 6, 5, 31, 15, 16, 5, 21, 15,
    11, 5, 6, 5, 11, 15, 11, 15, 16, 15, 61, 110, 6, 105, 67, 90, 41, 5, 16, 5, 116, 5, 81, 15, 6, 130, 16, 10, 6, 10, 11, 20, 52, 35, 8,
    37, 5, 6, 15, 8, 41, 5, 16, 5, 116, 5, 51, 5, 26, 15, 6, 155, 11, 5, 11, 20, 52, 5, 11, 85, 46, 5, 16, 5, 206, 10, 6, 80, 6, 25, 16,
    5, 37, 16, 20, 97, 5, 31, 25, 91, 15, 121, 5, 46, 5, 6, 10, 36, 155, 52, 20, 8, 60, 241, 5, 11, 60, 36, 40, 8, 52, 13, 185, 11, 5, 6,
    5, 26, 5, 121, 5, 6, 5, 51, 5, 11, 45, 6, 10, 26, 5, 6, 45, 52, 10, 21, 160, 6, 15, 78, 5, 8, 55, 102, 30, 23, 10, 41, 5, 181, 120, 8,
    10, 26, 335, 28, 20, 13, 185, 216, 100, 6, 52, 33, 31, 20, 21, 15, 6, 15, 11, 35, 16, 20, 66, 60, 6, 5, 52, 30, 191, 5, 6, 25, 6, 10,
    216, 8, 1666, 5, 21, 10, 36, 5, 6, 5, 21, 10, 206, 5, 21, 10, 166, 5, 21, 10, 36, 5, 6, 5, 21, 10, 76, 5, 286, 5, 21, 10, 336, 25, 48,
    102, 15, 81, 80, 431, 10, 31, 10, 8, 3101, 5, 8, 86, 9, 131, 13, 15, 376, 18, 17, 41, 35, 91, 65, 96, 15, 13, 45, 91, 70, 66, 5, 16,
    75, 261, 160, 18, 6, 18, 5, 6, 15, 52, 30, 52, 30, 58, 25, 52, 30, 446, 35, 26, 10, 171, 5, 6, 25, 351, 50, 156, 185, 13, 52, 151, 10,
    26, 55, 221, 20, 131, 30, 57, 185, 116, 35, 13, 266, 215, 52, 30, 52, 30, 38, 6, 33, 435, 236, 85, 41, 15, 52, 38, 140, 13, 20, 151,
    65, 11, 52, 221, 110, 23, 181, 115, 28, 52, 15, 16, 52, 181, 13, 46, 35, 216, 10, 16, 43, 55, 8, 105, 21, 5, 31, 5, 11, 15, 6, 25,
    961, 320, 1391, 10, 31, 10, 191, 10, 31, 10, 41, 5, 6, 5, 6, 5, 6, 5, 156, 10, 266, 5, 36, 5, 6, 15, 16, 5, 36, 15, 21, 10, 31, 20,
    66, 25, 16, 5, 36, 15, 59, 25, 123, 14, 25, 9, 103, 5, 68, 5, 63, 9, 80, 7, 6, 10, 32, 15, 13, 6, 52, 15, 13, 5, 66, 505, 6, 20, 6,
    10, 51, 5, 6, 15, 26, 30, 6, 5, 6, 5, 6, 5, 21, 5, 56, 10, 21, 25, 26, 20, 6, 5, 257, 11, 27, 1910, 23, 145, 13, 1545, 302, 390, 112,
    3080, 73, 152, 245, 13, 155, 53, 2015, 113, 315, 23, 160, 13, 2570, 1146, 30, 21, 15, 11, 25, 23, 7, 13, 191, 5, 6, 25, 6, 10, 281,
    35, 6, 8, 75, 116, 45, 36, 5, 36, 5, 36, 5, 36, 5, 36, 5, 36, 5, 36, 5, 36, 165, 238, 6, 163, 10, 63, 2090, 9, 18, 5, 11, 7, 53, 10,
    63, 5, 47, 30, 8, 26, 10, 17, 11, 8, 15, 431, 30, 16, 8, 451, 8, 21, 25, 216, 5, 471, 15, 22, 50, 161, 240, 81, 160, 52, 150, 42, 5,
    77, 160, 52, 195, 77, 1600, 32961, 320, 110786, 335, 231, 13, 1346, 18, 81, 52, 11, 100, 236, 20, 8, 50, 8, 156, 10, 351, 52, 10, 33,
    155, 46, 10, 516, 10, 321, 25, 11, 5, 6, 5, 26, 120, 81, 5, 16, 5, 21, 5, 116, 65, 32, 50, 261, 23, 50, 251, 130, 13, 52, 120, 31, 18,
    6, 8, 11, 5, 52, 141, 40, 13, 116, 120, 8, 146, 35, 236, 70, 68, 5, 6, 52, 20, 13, 26, 5, 51, 52, 26, 5, 206, 115, 16, 5, 41, 20, 52,
    10, 23, 116, 15, 6, 15, 251, 5, 6, 15, 11, 10, 26, 10, 6, 5, 6, 120, 16, 13, 56, 25, 13, 16, 60, 31, 10, 31, 10, 31, 45, 36, 5, 36, 5,
    216, 5, 71, 30, 576, 40, 8, 20, 52, 30, 55861, 60, 116, 20, 246, 42260, 1831, 10, 531, 190, 36, 60, 26, 25, 6, 5, 51, 5, 66, 5, 26, 5,
    6, 5, 11, 5, 11, 5, 541, 165, 1816, 13, 80, 321, 10, 271, 200, 61, 100, 53, 110, 178, 5, 73, 5, 8, 20, 8, 5, 13, 20, 26, 5, 676, 20,
    18, 5, 33, 5, 23, 52, 13, 15, 13, 131, 18, 5, 8, 5, 131, 8, 5, 8, 5, 38, 446, 15, 31, 10, 31, 10, 31, 10, 16, 175, 61, 5, 131, 5, 96,
    5, 11, 5, 76, 10, 71, 170, 616, 25, 18, 20, 227, 60, 287, 85, 12, 1220, 146, 15, 246, 80, 137, 20, 161, 22, 45, 101, 7, 41, 7, 25,
    191, 50, 151, 5, 8, 181, 20, 41, 8, 27, 210, 791, 10, 52, 30, 181, 20, 181, 20, 201, 40, 261, 55, 8, 56, 5, 76, 5, 36, 5, 11, 5, 56,
    5, 76, 5, 36, 5, 11, 335, 1556, 45, 111, 50, 41, 120, 31, 5, 211, 5, 46, 345, 31, 10, 6, 5, 221, 5, 11, 15, 6, 10, 116, 5, 8, 42, 116,
    10, 37, 156, 40, 47, 240, 96, 5, 11, 25, 27, 111, 32, 15, 8, 131, 25, 8, 320, 281, 20, 12, 11, 82, 10, 232, 6, 75, 21, 5, 16, 5, 146,
    50, 47, 35, 48, 35, 146, 12, 8, 146, 17, 160, 41, 5, 141, 30, 27, 38, 45, 271, 15, 38, 111, 10, 42, 96, 25, 42, 91, 35, 23, 60, 37,
    400, 366, 275, 256, 65, 256, 35, 32, 181, 60, 52, 1470, 157, 5, 211, 15, 8, 10, 11, 390, 146, 52, 6, 40, 111, 55, 22, 28, 110, 91, 20,
    23, 190, 106, 37, 100, 116, 60, 266, 75, 38, 20, 152, 5, 11, 10, 6, 65, 226, 55, 13, 5, 23, 70, 126, 35, 52, 45, 181, 75, 52, 23, 6,
    10, 6, 40, 176, 5, 13, 6, 60, 241, 70, 21, 23, 20, 8, 10, 52, 6, 8, 6, 18, 5, 102, 55, 91, 5, 126, 60, 33, 330, 36, 5, 6, 5, 21, 5,
    76, 5, 51, 8, 30, 236, 85, 52, 55, 41, 10, 11, 10, 111, 5, 36, 5, 11, 5, 26, 15, 6, 90, 6, 60, 26, 790, 266, 90, 21, 28, 52, 13, 5, 8,
    5, 16, 150, 241, 100, 11, 8, 6, 40, 52, 830, 236, 90, 118, 21, 180, 241, 85, 18, 6, 55, 52, 30, 68, 95, 216, 65, 6, 8, 30, 52, 270,
    136, 105, 62, 18, 5, 36, 925, 221, 75, 8, 500, 321, 97, 60, 41, 10, 6, 10, 41, 5, 11, 5, 121, 75, 6, 5, 6, 10, 18, 45, 52, 350, 41,
    10, 196, 80, 6, 8, 6, 140, 6, 50, 201, 35, 6, 20, 43, 45, 6, 55, 231, 80, 18, 6, 28, 65, 366, 1315, 46, 5, 186, 85, 6, 28, 50, 147,
    15, 13, 151, 560, 36, 5, 11, 5, 191, 105, 6, 45, 52, 30, 31, 5, 11, 5, 161, 70, 6, 35, 52, 1550, 96, 20, 13, 915, 6, 75, 107, 210, 8,
    4611, 510, 557, 5, 28, 55, 981, 13180, 486, 13, 65, 5356, 20245, 2916, 43165, 2846, 35, 156, 5, 52, 20, 13, 396, 5, 52, 30, 151, 35,
    8, 50, 241, 35, 28, 20, 21, 8, 55, 52, 5, 37, 5, 106, 25, 96, 3440, 321, 117, 23, 505, 376, 25, 6, 330, 66, 320, 11, 8, 6, 140, 30681,
    40, 6191, 210, 46, 44675, 21, 5, 36, 5, 11, 5, 1456, 225, 16, 85, 21, 40, 1981, 11540, 536, 25, 66, 15, 46, 35, 51, 25, 8, 28480, 102,
    540, 127, 675, 426, 5, 356, 5, 11, 10, 6, 10, 11, 10, 21, 5, 61, 5, 6, 5, 36, 5, 326, 5, 21, 10, 41, 5, 36, 5, 141, 5, 21, 5, 26, 5,
    6, 15, 36, 5, 1701, 10, 126, 5, 126, 5, 156, 5, 126, 5, 156, 5, 126, 5, 156, 5, 126, 5, 156, 5, 126, 5, 41, 10, 252, 3235, 28, 5700,
    156, 2405, 226, 50, 36, 10, 52, 20, 6, 1605, 151, 90, 221, 20, 52, 6270, 36, 5, 21, 5, 11, 5, 76, 5, 986, 10, 47, 240, 341, 35, 6, 20,
    52, 20, 13, 3925, 297, 5, 17, 5, 22, 380, 227, 5, 77, 970, 21, 5, 136, 5, 11, 5, 6, 10, 6, 5, 51, 5, 21, 5, 6, 5, 6, 30, 6, 20, 6, 5,
    6, 5, 6, 5, 16, 5, 11, 5, 6, 10, 6, 5, 6, 5, 6, 5, 6, 5, 6, 5, 11, 5, 6, 10, 21, 5, 36, 5, 21, 5, 21, 5, 6, 5, 51, 5, 86, 25, 16, 5,
    26, 5, 86, 2900, 67, 13935, 52, 5150, 213601, 160, 20766, 35, 1111, 10, 28811, 70, 37366, 15515, 2711, 7530, 24696, 4562825,
};
constexpr size_t class_run_count = sizeof class_runs / sizeof *class_runs;
constexpr uint32_t code_points = 0x110000;

struct ClassStarts {
    uint32_t at[class_run_count];
    constexpr ClassStarts() : at() {
        for (size_t i = 1; i < class_run_count; i++) at[i] = at[i - 1] + class_runs[i - 1] / 5;
    }
};
constexpr ClassStarts class_starts;
static_assert(class_starts.at[class_run_count - 1] + class_runs[class_run_count - 1] / 5 == code_points, "a class for each code point");

inline Class class_of(uint32_t code) {
    const uint32_t* const after = std::upper_bound(class_starts.at, class_starts.at + class_run_count, code);
    return static_cast<Class>(class_runs[after - class_starts.at - 1] % 5);
}

/// The code point at s[at], and the bytes it takes; U+FFFD and one byte where none begins. Overlong forms and surrogates pass.
inline size_t read_utf8(std::string_view s, size_t at, uint32_t& code) {
    const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(s[i])); };
    const uint32_t lead = byte(at);
    const size_t length = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 0;
    code = length < 2 ? lead : lead & (0x7Fu >> length);
    bool good = length > 0 && length <= s.size() - at;
    for (size_t i = 1; good && i < length; i++) {
        good = (byte(at + i) & 0xC0) == 0x80;
        code = code << 6 | (byte(at + i) & 0x3F);
    }
    if (good && code < code_points) return length;
    code = 0xFFFD;
    return 1;
}

inline void append_utf8(std::string& s, uint32_t code) {
    const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xC0, 0xE0, 0xF0};
    s += static_cast<char>(leads[more] | code >> (6 * more));
    for (int i = more - 1; i >= 0; i--) s += static_cast<char>(0x80 | (code >> (6 * i) & 0x3F));
}

/// Text that arrives in pieces, whole characters at a time: what may yet become one is held back.
class Stream {
public:
    std::string add(std::string_view piece) {
        held_ += piece;
        std::string out = held_.substr(0, held_.size() - unfinished());
        held_.erase(0, out.size());
        return out;
    }
    std::string rest() { return std::exchange(held_, std::string()); }

private:
    size_t unfinished() const {                                     // bytes at the end that begin a character
        for (size_t n = 1; n <= 3 && n <= held_.size(); n++) {
            const unsigned char c = static_cast<unsigned char>(held_[held_.size() - n]);
            if ((c & 0xC0) == 0x80) continue;
            const size_t length = c < 0xC0 || c >= 0xF8 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
            return n < length ? n : 0;
        }
        return 0;
    }
    std::string held_;
};

inline std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        const size_t found = std::min(text.find(from, at), text.size());
        out += text.substr(at, found - at);
        if (found < text.size()) out += to;
        at = found + from.size();
    }
    return out;
}

// ---- the alphabet of byte-level BPE -----------------------------------------------

/// Each byte is written as one visible character: itself where it is one, else the next free one from U+0100 on.
struct Alphabet {
    uint16_t letter[256] = {};
    int16_t byte[0x144] = {};                                       // -1: no letter
    constexpr Alphabet() {
        for (int16_t& b : byte) b = -1;
        unsigned free = 0x100;
        for (unsigned b = 0; b < 256; b++) {
            const bool visible = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
            letter[b] = static_cast<uint16_t>(visible ? b : free++);
            byte[letter[b]] = static_cast<int16_t>(b);
        }
    }
};
constexpr Alphabet alphabet;

inline void append_letters(std::string& out, std::string_view bytes) {
    for (char c : bytes) append_utf8(out, alphabet.letter[static_cast<unsigned char>(c)]);
}

/// Back from letters to bytes; what is no letter stays.
inline std::string from_letters(std::string_view text) {
    std::string out;
    uint32_t code;
    for (size_t at = 0, length; at < text.size(); at += length) {
        length = read_utf8(text, at, code);
        if (code < sizeof alphabet.byte / sizeof *alphabet.byte && alphabet.byte[code] >= 0) out += static_cast<char>(alphabet.byte[code]);
        else out += text.substr(at, length);
    }
    return out;
}

// ---- pre-tokenizers -----------------------------------------------------------------

enum class Pre { gpt2, llama, qwen2, standard };

inline bool find_pre(std::string_view name, Pre& pre) {
    static const struct { const char* name; Pre pre; } names[] = {
        {"default", Pre::standard}, {"gpt-2", Pre::gpt2}, {"phi-2", Pre::gpt2}, {"qwen2", Pre::qwen2}, {"deepseek-r1-qwen", Pre::qwen2},
        {"llama-bpe", Pre::llama}, {"llama3", Pre::llama}, {"llama-v3", Pre::llama}, {"falcon3", Pre::llama}, {"pixtral", Pre::llama},
        {"lfm2", Pre::llama},
    };
    for (const auto& n : names)
        if (name == n.name) { pre = n.pre; return true; }
    return false;
}

/// Cuts a text into words, as the regular expressions of the pre-tokenizers do: of the alternatives the first that matches at a
/// place wins. next_x(i, end) is the end of the word that begins at i, in a text that ends at `end`.
class Words {
public:
    explicit Words(std::string_view text) {
        uint32_t code;
        for (size_t at = 0; at < text.size();) {
            at += read_utf8(text, at, code);
            codes_.push_back(code);
            classes_.push_back(class_of(code));
        }
    }

    /// Where each word ends.
    std::vector<size_t> ends(Pre pre) const {
        std::vector<size_t> ends;
        if (!codes_.empty()) ends.push_back(codes_.size());
        const auto gpt2 = [&](size_t i, size_t end) { return next_gpt2(i, end); };
        switch (pre) {
            case Pre::gpt2:  cut(ends, gpt2); break;
            case Pre::llama: cut(ends, [&](size_t i, size_t end) { return next_llama(i, end, 3); }); break;
            case Pre::qwen2: cut(ends, [&](size_t i, size_t end) { return next_llama(i, end, 1); }); break;
            case Pre::standard:                                     // marks, words, numbers, digits by threes
                cut(ends, [&](size_t i, size_t end) { return same(i, end, [&](size_t j) { return mark(j); }); });
                cut(ends, gpt2);
                cut(ends, [&](size_t i, size_t end) { return same(i, end, [&](size_t j) { return is(j, Class::number); }); });
                cut(ends, [&](size_t i, size_t end) { return next_digits(i, end); });
                break;
        }
        return ends;
    }
    void append(std::string& out, size_t from, size_t to) const {
        for (size_t i = from; i < to; i++) append_utf8(out, codes_[i]);
    }

private:
    template <class Next> static void cut(std::vector<size_t>& ends, const Next& next) {
        std::vector<size_t> finer;
        size_t at = 0;
        for (size_t end : ends)
            while (at < end) finer.push_back(at = next(at, end));
        ends.swap(finer);
    }
    template <class Test> static size_t same(size_t i, size_t end, const Test& test) {
        const bool first = test(i);
        while (i < end && test(i) == first) i++;
        return i;
    }
    bool is(size_t i, Class c) const { return classes_[i] == c; }
    bool other(size_t i) const { return is(i, Class::other) || is(i, Class::punctuation); }
    bool newline(size_t i) const { return codes_[i] == '\r' || codes_[i] == '\n'; }
    bool digit(size_t i) const { return codes_[i] >= '0' && codes_[i] <= '9'; }
    bool mark(size_t i) const {
        const uint32_t c = codes_[i];
        return is(i, Class::punctuation) || c == '$' || c == '+' || (c >= '<' && c <= '>') || c == '^' || c == '~' || c == '|';
    }

    /// 's 't 'm 'd 're 've 'll at i: its length, else 0.
    size_t contraction(size_t i, size_t end, bool any_case) const {
        const auto letter = [&](size_t j) -> uint32_t {
            const uint32_t c = j < end ? codes_[j] : 0;
            return any_case && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
        };
        if (codes_[i] != '\'') return 0;
        const uint32_t a = letter(i + 1), b = letter(i + 2);
        if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
        return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
    }
    /// White space at i: all of it at the end of the text, else all but the one that goes with the next word.
    size_t blanks(size_t i, size_t end) const {
        size_t j = i + 1;
        while (j < end && is(j, Class::space)) j++;
        return j < end && j > i + 1 ? j - 1 : j;
    }

    size_t next_gpt2(size_t i, size_t end) const {
        if (const size_t n = contraction(i, end, false)) return i + n;
        const size_t first = i + (codes_[i] == ' ' && i + 1 < end);
        if (is(first, Class::space)) return blanks(i, end);
        const auto kind = [&](size_t j) { return other(j) ? Class::other : classes_[j]; };
        const Class wanted = kind(first);
        size_t j = first + 1;
        while (j < end && kind(j) == wanted) j++;
        return j;
    }

    size_t next_llama(size_t i, size_t end, size_t most_digits) const {
        if (const size_t n = contraction(i, end, true)) return i + n;
        const bool bare = is(i, Class::letter) || is(i, Class::number) || newline(i);
        size_t j = i + !bare;                                       // one of anything else before letters
        if (j < end && is(j, Class::letter)) {
            while (j < end && is(j, Class::letter)) j++;
            return j;
        }
        if (is(i, Class::number)) {
            for (j = i; j < end && j - i < most_digits && is(j, Class::number);) j++;
            return j;
        }
        j = i + (codes_[i] == ' ' && i + 1 < end);
        if (other(j)) {
            while (j < end && other(j)) j++;
            while (j < end && newline(j)) j++;
            return j;
        }
        size_t lines = i;                                           // white space up to its last line end
        for (j = i; j < end && is(j, Class::space); j++)
            if (newline(j)) lines = j + 1;
        return lines > i ? lines : blanks(i, end);
    }

    size_t next_digits(size_t i, size_t end) const {
        const auto three = [&](size_t j) { return end - j >= 3 && digit(j) && digit(j + 1) && digit(j + 2); };
        if (three(i)) return i + 3;
        while (i < end && !three(i)) i++;
        return i;
    }

    std::vector<uint32_t> codes_;
    std::vector<Class> classes_;
};

// ---- strings by number, and numbers by string ---------------------------------------

class Strings {
public:
    void reserve(size_t count) {
        size_t slots = 16;
        while (slots / 2 < count) slots *= 2;
        slots_.assign(slots, -1);
        ends_.reserve(count);
    }
    size_t size() const { return ends_.size(); }
    std::string_view operator[](size_t i) const {
        const size_t at = i ? ends_[i - 1] : 0;
        return std::string_view(bytes_).substr(at, ends_[i] - at);
    }
    /// Adds one with the next number, unless it is there already. At most as many as were reserved.
    bool add(std::string_view s) {
        const size_t slot = place({s});
        if (slots_[slot] >= 0) return false;
        slots_[slot] = static_cast<int32_t>(size());
        bytes_ += s;
        ends_.push_back(bytes_.size());
        longest_ = std::max(longest_, s.size());
        return true;
    }
    /// The number of the string that these parts make, or -1.
    int32_t find(std::initializer_list<std::string_view> parts) const {
        size_t length = 0;
        for (std::string_view part : parts) length += part.size();
        return length > longest_ || slots_.empty() ? -1 : slots_[place(parts)];
    }
    int32_t find(std::string_view s) const { return find({s}); }

private:
    size_t place(std::initializer_list<std::string_view> parts) const {
        uint64_t hash = 14695981039346656037u;                      // FNV-1a
        for (std::string_view part : parts)
            for (char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
        const size_t mask = slots_.size() - 1;
        size_t slot = static_cast<size_t>(hash ^ hash >> 32) & mask;
        while (slots_[slot] >= 0 && !equal((*this)[static_cast<size_t>(slots_[slot])], parts)) slot = (slot + 1) & mask;
        return slot;
    }
    static bool equal(std::string_view whole, std::initializer_list<std::string_view> parts) {
        for (std::string_view part : parts) {
            if (whole.substr(0, part.size()) != part) return false;
            whole.remove_prefix(part.size());
        }
        return whole.empty();
    }

    std::string bytes_;                                             // one after another
    std::vector<size_t> ends_;
    std::vector<int32_t> slots_;
    size_t longest_ = 0;
};

// ---- merging --------------------------------------------------------------------------

/// Neighbouring symbols of a text become one, the pair of lowest rank first, the leftmost of equals, until no pair has a rank.
class Merger {
public:
    void clear() { symbols_.clear(); }
    void add(size_t at, size_t length) {
        if (at >= none - length) throw std::bad_alloc();            // of a text of 4 GiB
        const uint32_t i = static_cast<uint32_t>(symbols_.size());
        if (i) symbols_[i - 1].next = i;
        symbols_.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(length), i - 1, none});   // before the first: none
    }
    /// rank(at, left, right, out): of the symbols of these lengths at text[at] and text[at + left]; false when they stay apart.
    template <class Rank> void merge(const Rank& rank) {
        const auto consider = [&](uint32_t i) {
            if (i == none || symbols_[i].next == none) return;
            const Symbol &left = symbols_[i], &right = symbols_[left.next];
            Pair pair = {0, i, left.length + right.length};
            if (rank(left.at, left.length, right.length, pair.rank)) queue_.push(pair);
        };
        for (uint32_t i = 0; i < symbols_.size(); i++) consider(i);
        while (!queue_.empty()) {
            const Pair best = queue_.top();
            queue_.pop();
            Symbol& left = symbols_[best.left];
            if (left.length == 0 || left.next == none) continue;
            Symbol& right = symbols_[left.next];
            if (left.length + right.length != best.length) continue;    // one of them grew meanwhile
            left.length = best.length;
            right.length = 0;
            left.next = right.next;
            if (left.next != none) symbols_[left.next].previous = best.left;
            consider(left.previous);
            consider(best.left);
        }
    }
    template <class F> void each(const F& f) const {
        for (uint32_t i = symbols_.empty() ? none : 0; i != none; i = symbols_[i].next) f(symbols_[i].at, symbols_[i].length);
    }

private:
    static constexpr uint32_t none = UINT32_MAX;
    struct Symbol { uint32_t at, length, previous, next; };         // length 0: merged into the one before
    struct Pair { double rank; uint32_t left, length; };            // a symbol and the next, and their length
    struct Later {
        bool operator()(const Pair& a, const Pair& b) const { return a.rank != b.rank ? a.rank > b.rank : a.left > b.left; }
    };
    std::vector<Symbol> symbols_;
    std::priority_queue<Pair, std::vector<Pair>, Later> queue_;
};

// ---- vocabulary -------------------------------------------------------------------------

constexpr std::string_view space_mark = "\xE2\x96\x81";             // U+2581, a space inside tokens of SPM

class Tokenizer {
public:
    int32_t bos = -1, eos = -1, eot = -1;                           // -1: none
    bool add_bos = false, add_eos = false, add_space_prefix = false;

    /// What is wrong, or an empty string. A file that is refused changes nothing.
    std::string load(const gguf::File& file) try {
        Tokenizer fresh;
        const std::string error = fresh.read(file);
        if (error.empty()) *this = std::move(fresh);
        return error;
    } catch (const std::exception&) {                               // bad_alloc or its like
        return "out of memory";
    }
    size_t size() const { return types_.size(); }

    /// The tokens of a text. add_special: BOS and EOS around it where the file asks for them. parse_special: control tokens that
    /// are spelled in the text are those tokens, not their letters. User-defined tokens always are.
    std::vector<int32_t> encode(std::string_view text, bool add_special = true, bool parse_special = false) const {
        std::vector<int32_t> ids;
        if (add_special && add_bos && bos >= 0) ids.push_back(bos);
        append(text, parse_special, true, ids);
        if (add_special && add_eos && eos >= 0) ids.push_back(eos);
        return ids;
    }
    /// The tokens of a text that continues another: neither BOS nor a space comes before it.
    std::vector<int32_t> encode_plain(std::string_view text) const {
        std::vector<int32_t> ids;
        append(text, false, false, ids);
        return ids;
    }

    /// The bytes a token stands for, a view into this object; none for control tokens unless they are to be shown. A token may be
    /// part of a character: see Stream.
    std::string_view piece(int32_t id, bool show_special = false) const {
        if (id < 0 || static_cast<size_t>(id) >= size()) return std::string_view();
        const size_t i = static_cast<size_t>(id), at = i ? piece_ends_[i - 1] : 0;
        const bool special = types_[i] == control || types_[i] == unknown;
        return special ? show_special ? texts_[i] : std::string_view() : std::string_view(pieces_).substr(at, piece_ends_[i] - at);
    }
    /// The pieces, one after another. What SPM text begins with is the space that encode() put there.
    std::string decode(const std::vector<int32_t>& ids, bool show_special = false) const {
        std::string out;
        for (int32_t id : ids) out += piece(id, show_special);
        return out;
    }
    /// Does it end what a model writes?
    bool is_end(int32_t id) const { return id >= 0 && static_cast<size_t>(id) < size() && ends_[static_cast<size_t>(id)]; }
    /// The token that the file spells so, or -1.
    int32_t find(std::string_view text) const { return texts_.find(text); }

private:
    enum Type : int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
    struct Part { size_t at, size; int32_t token; };                // of a text; token -1: to be encoded

    std::string read(const gguf::File& file);
    std::string read_tokens(const gguf::File& file);
    std::string read_merges(const gguf::File& file);
    std::string read_settings(const gguf::File& file);
    std::string make_pieces();

    std::vector<Part> partition(std::string_view text, bool parse_special) const;
    void append(std::string_view text, bool parse_special, bool prefix, std::vector<int32_t>& ids) const;
    void append_spm(const std::string& text, Merger& merger, std::vector<int32_t>& ids) const;
    void append_bpe(std::string_view text, Merger& merger, std::vector<int32_t>& ids) const;

    bool spm_ = true, strips_right_ = false;
    Pre pre_ = Pre::standard;
    Strings texts_, merges_;                                        // as in the file; "left right", by rank
    std::vector<float> scores_;
    std::vector<int32_t> types_;
    std::vector<bool> ends_;
    std::vector<int32_t> specials_;                                 // the longest first
    int32_t bytes_[256] = {};                                       // SPM: of a byte that is part of no token
    std::string pieces_;                                            // one after another
    std::vector<size_t> piece_ends_;
};

// ---- loading ----------------------------------------------------------------------------

inline std::string wrong(const char* key, const std::string& what) { return "key '" + std::string(key) + "' " + what; }

inline std::string Tokenizer::read(const gguf::File& file) {
    const char* const key = "tokenizer.ggml.model";
    std::string_view model;
    const gguf::Value* value = file.value(key);
    if (!value) return wrong(key, "is missing: the file has no vocabulary");
    if (!value->get(model)) return wrong(key, "must be a string");
    if (model != "llama" && model != "gpt2")
        return wrong(key, "is " + gguf::quoted(model) + ", where 'llama' (SPM) and 'gpt2' (byte-level BPE) are supported");
    spm_ = model == "llama";

    std::string error = read_tokens(file);
    if (error.empty() && !spm_) error = read_merges(file);
    if (error.empty()) error = make_pieces();
    if (error.empty()) error = read_settings(file);
    if (!error.empty()) return error;

    for (size_t i = 0; i < size(); i++)
        if (types_[i] == control || types_[i] == user_defined || types_[i] == unknown) specials_.push_back(static_cast<int32_t>(i));
    std::stable_sort(specials_.begin(), specials_.end(), [&](int32_t a, int32_t b) {
        return texts_[static_cast<size_t>(a)].size() > texts_[static_cast<size_t>(b)].size();
    });
    std::string name(file.text("general.name"));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    strips_right_ = name.find("phi-3") != std::string::npos || name.find("phi3") != std::string::npos;
    return std::string();
}

inline std::string Tokenizer::read_tokens(const gguf::File& file) {
    const char* key = "tokenizer.ggml.tokens";
    std::vector<std::string_view> tokens;
    const gguf::Value* value = file.value(key);
    if (!value || !value->get(tokens) || tokens.empty()) return wrong(key, "must be an array of strings");
    if (tokens.size() > INT32_MAX) return wrong(key, "has too many elements");
    texts_.reserve(tokens.size());
    for (size_t i = 0; i < tokens.size(); i++)
        if (!texts_.add(tokens[i].empty() ? "[EMPTY_" + std::to_string(i) + "]" : tokens[i]))
            return wrong(key, "has " + gguf::quoted(tokens[i]) + " twice: element " + std::to_string(i));

    key = "tokenizer.ggml.scores";
    value = file.value(key);
    if (spm_ && (!value || !value->get(scores_) || scores_.size() != tokens.size()))
        return wrong(key, "must be an array of one f32 a token");
    for (float score : scores_)
        if (score != score) return wrong(key, "holds a NaN");

    key = "tokenizer.ggml.token_type";
    value = file.value(key);
    if (!value) types_.assign(tokens.size(), normal);
    else if (!value->get(types_) || types_.size() != tokens.size()) return wrong(key, "must be an array of one integer a token");
    for (size_t i = 0; i < types_.size(); i++)
        if (types_[i] < normal || types_[i] > byte)
            return "key '" + std::string(key) + "': type " + std::to_string(types_[i]) + " of token " + std::to_string(i);
    return std::string();
}

inline std::string Tokenizer::read_merges(const gguf::File& file) {
    const char* key = "tokenizer.ggml.pre";
    std::string_view pre = "default";
    const gguf::Value* value = file.value(key);
    if (value && !value->get(pre)) return wrong(key, "must be a string");
    if (!find_pre(pre, pre_)) return wrong(key, "is " + gguf::quoted(pre) + ", a pre-tokenizer that is not supported");

    key = "tokenizer.ggml.merges";
    std::vector<std::string_view> merges;
    value = file.value(key);
    if (!value || !value->get(merges)) return wrong(key, "must be an array of strings");
    if (merges.size() > INT32_MAX) return wrong(key, "has too many elements");
    merges_.reserve(merges.size());
    for (size_t i = 0; i < merges.size(); i++) {
        const size_t space = merges[i].find(' ', 1);
        if (space >= merges[i].size() - 1)                          // npos too, and in an empty one
            return wrong(key, "has " + gguf::quoted(merges[i]) + ", not two parts and a space between: element " + std::to_string(i));
        merges_.add(merges[i]);                                     // the first of equals counts
    }
    return std::string();
}

/// What each token stands for, the byte tokens and those that end a text.
inline std::string Tokenizer::make_pieces() {
    const char* const key = "tokenizer.ggml.tokens";
    static const char* const ending[] = {"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "</s>",
                                         "<|eom_id|>", "<EOT>", "<|end_of_text|>", "<|return|>", "<|call|>", "<eos>"};
    ends_.assign(size(), false);
    for (const char* text : ending) {
        const int32_t id = texts_.find(text);
        if (id < 0) continue;
        if (eot < 0) eot = id;
        types_[static_cast<size_t>(id)] = control;
        ends_[static_cast<size_t>(id)] = true;
    }

    for (int b = 0; b < 256; b++) {
        const char one = static_cast<char>(b);
        bytes_[b] = texts_.find(std::string_view(&one, 1));
    }
    const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
    for (size_t i = 0; i < size(); i++) {
        const std::string_view t = texts_[i];
        if (types_[i] == byte) {
            if (t.size() != 6 || t.substr(0, 3) != "<0x" || digit(t[3]) < 0 || digit(t[4]) < 0 || t[5] != '>')
                return "key '" + std::string(key) + "': byte token " + std::to_string(i) + " is " + gguf::quoted(t) + ", not <0xNN>";
            const int b = digit(t[3]) * 16 + digit(t[4]);
            bytes_[b] = static_cast<int32_t>(i);
            pieces_ += static_cast<char>(b);
        } else if (types_[i] == user_defined) {
            pieces_ += t;
        } else if (types_[i] == normal) {
            pieces_ += spm_ ? replace_all(t, space_mark, " ") : from_letters(t);
        }
        piece_ends_.push_back(pieces_.size());
    }
    for (int b = 0; b < 256 && spm_; b++)                           // a space never reaches the byte tokens
        if (bytes_[b] < 0 && b != ' ') {
            char name[8];
            snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(b));
            return "key '" + std::string(key) + "': no byte token " + std::string(name) + "; SPM without them is not supported";
        }
    return std::string();
}

inline std::string Tokenizer::read_settings(const gguf::File& file) {
    std::string error;
    const auto token = [&](const char* key, int32_t& id) {
        const gguf::Value* value = file.value(key);
        uint64_t n = 0;
        if (!value) return;
        if (!value->get(n)) error = wrong(key, "must be one integer that is not negative");
        else if (n >= size()) error = wrong(key, "is " + std::to_string(n) + ", outside 0 to " + std::to_string(size() - 1));
        else id = static_cast<int32_t>(n);
    };
    const auto flag = [&](const char* key, bool& out) {
        const gguf::Value* value = file.value(key);
        if (value && !value->get(out)) error = wrong(key, "must be a bool");
    };
    const auto present = [&](int32_t id) { return static_cast<size_t>(id) < size() ? id : -1; };
    bos = present(spm_ ? 1 : 11);
    eos = present(spm_ ? 2 : 11);
    add_bos = spm_ || pre_ == Pre::llama;
    add_space_prefix = spm_;
    token("tokenizer.ggml.bos_token_id", bos);
    token("tokenizer.ggml.eos_token_id", eos);
    token("tokenizer.ggml.eot_token_id", eot);
    flag("tokenizer.ggml.add_bos_token", add_bos);
    flag("tokenizer.ggml.add_eos_token", add_eos);
    flag("tokenizer.ggml.add_space_prefix", add_space_prefix);
    for (int32_t id : {eos, eot})
        if (id >= 0) ends_[static_cast<size_t>(id)] = true;
    return error;
}

// ---- encoding ---------------------------------------------------------------------------

/// The groups of four bytes that a text holds, or a few more: finds the tokens that need no search for.
class Groups {
public:
    explicit Groups(std::string_view text) : bits_(size_t(1) << 18, false) {
        for (size_t i = 0; i + 4 <= text.size(); i++) bits_[place(text, i)] = true;
    }
    bool may_hold(std::string_view token) const {
        for (size_t i = 0; i + 4 <= token.size(); i++)
            if (!bits_[place(token, i)]) return false;
        return true;
    }

private:
    static size_t place(std::string_view s, size_t i) {
        uint32_t four;
        memcpy(&four, s.data() + i, sizeof four);
        return four * 2654435761u >> 14;
    }
    std::vector<bool> bits_;
};

/// A text cut at its special tokens: each in turn, the longest first, is looked for in what those before it left.
inline std::vector<Tokenizer::Part> Tokenizer::partition(std::string_view text, bool parse_special) const {
    std::vector<Part> parts, finer;
    if (!text.empty()) parts.push_back({0, text.size(), -1});
    const Groups groups(text);
    for (int32_t id : specials_) {
        const size_t i = static_cast<size_t>(id);
        const std::string_view t = texts_[i];
        if ((!parse_special && types_[i] != user_defined) || !groups.may_hold(t)) continue;
        const bool strips = strips_right_ && t != "<unk>" && t != "<s>" && t != "<|endoftext|>";
        finer.clear();
        for (const Part& part : parts) {
            if (part.token >= 0) { finer.push_back(part); continue; }
            const size_t end = part.at + part.size;
            const std::string_view upto = text.substr(0, end);
            size_t at = part.at;
            for (size_t found; (found = upto.find(t, at)) != std::string_view::npos;) {
                if (found > at) finer.push_back({at, found - at, -1});
                finer.push_back({found, t.size(), id});
                at = found + t.size();
                while (strips && at < end && (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r'))) at++;
            }
            if (at < end) finer.push_back({at, end - at, -1});
        }
        parts.swap(finer);
    }
    return parts;
}

inline void Tokenizer::append(std::string_view text, bool parse_special, bool prefix, std::vector<int32_t>& ids) const {
    Merger merger;
    for (const Part& part : partition(text, parse_special)) {
        const std::string_view t = text.substr(part.at, part.size);
        if (part.token >= 0) {
            ids.push_back(part.token);
        } else if (spm_) {
            const bool space = add_space_prefix && (prefix || part.at > 0);
            append_spm((space ? std::string(space_mark) : std::string()) + replace_all(t, " ", space_mark), merger, ids);
        } else {
            append_bpe(t, merger, ids);
        }
    }
}

/// SPM: the characters of a text merge into the tokens of highest score; what is no token in the end is spelled in byte tokens.
inline void Tokenizer::append_spm(const std::string& text, Merger& merger, std::vector<int32_t>& ids) const {
    const std::string_view view = text;
    merger.clear();
    for (size_t at = 0, length; at < text.size(); at += length) {   // by the lead byte alone
        const unsigned char lead = static_cast<unsigned char>(text[at]);
        length = std::min(text.size() - at, lead < 0xC0 ? size_t(1) : lead < 0xE0 ? size_t(2) : lead < 0xF0 ? size_t(3) : size_t(4));
        merger.add(at, length);
    }
    merger.merge([&](size_t at, size_t left, size_t right, double& rank) {
        const int32_t id = texts_.find(view.substr(at, left + right));
        if (id >= 0) rank = -static_cast<double>(scores_[static_cast<size_t>(id)]);
        return id >= 0;
    });
    merger.each([&](size_t at, size_t length) {
        const int32_t id = texts_.find(view.substr(at, length));
        if (id >= 0) ids.push_back(id);
        for (size_t i = 0; id < 0 && i < length; i++) ids.push_back(bytes_[static_cast<unsigned char>(text[at + i])]);
    });
}

/// Byte-level BPE: the letters of each word merge by the list; a symbol that is no token becomes the tokens of its letters, if any.
inline void Tokenizer::append_bpe(std::string_view text, Merger& merger, std::vector<int32_t>& ids) const {
    const Words words(text);
    const auto letter_bytes = [](char c) { return static_cast<unsigned char>(c) < 0x80 ? size_t(1) : size_t(2); };
    std::string plain, letters;
    size_t from = 0;
    for (size_t to : words.ends(pre_)) {
        plain.clear();
        letters.clear();
        words.append(plain, from, to);
        append_letters(letters, plain);
        from = to;
        const std::string_view view = letters;
        const int32_t whole = pre_ == Pre::llama ? texts_.find(view) : -1;
        if (whole >= 0) {
            ids.push_back(whole);
            continue;
        }
        merger.clear();
        for (size_t at = 0; at < letters.size(); at += letter_bytes(letters[at])) merger.add(at, letter_bytes(letters[at]));
        merger.merge([&](size_t at, size_t left, size_t right, double& rank) {
            const int32_t n = merges_.find({view.substr(at, left), " ", view.substr(at + left, right)});
            rank = n;
            return n >= 0;
        });
        merger.each([&](size_t at, size_t length) {
            const int32_t id = texts_.find(view.substr(at, length));
            if (id >= 0) { ids.push_back(id); return; }
            for (size_t end = at + length; at < end; at += letter_bytes(letters[at])) {
                const int32_t one = texts_.find(view.substr(at, letter_bytes(letters[at])));
                if (one >= 0) ids.push_back(one);
            }
        });
    }
}

} // namespace tokenizer

#endif // GLLM_EXAMPLES_TOKENIZER_HPP
