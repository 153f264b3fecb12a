// chat.hpp: how the turns of a conversation are written for a model.
//
//   const chat::Template& t = chat::find(file.text("tokenizer.chat_template"));
//   std::string turn = chat::open(t, system, message, true);        // up to where the reply begins; the reply is followed by t.reply_after
//
// Templates in files are programs; the common ones are recognised by what they contain. A model of none of them gets plain turns.
//
// SPDX-License-Identifier: MIT

#ifndef GLLM_EXAMPLES_CHAT_HPP
#define GLLM_EXAMPLES_CHAT_HPP

#include <string>
#include <string_view>

namespace chat {

struct Template {
    const char* name;
    const char* marks[2];                                           // what a file's template contains, both of them
    const char *system_before, *system_after;
    bool system_inside;                                             // of the first message, behind user_before
    const char *user_before, *user_after;                           // user_after: up to where the reply begins
    const char *reply_after;                                        // begins with what ends the reply
    const char *stop;                                               // text that ends a reply as well; empty where tokens do
};

/// The first whose marks are there.
inline const Template& find(std::string_view text) {
    static const Template known[] = {
        {"chatml", {"<|im_start|>", ""}, "<|im_start|>system\n", "<|im_end|>\n", false,
         "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>\n", ""},
        {"llama-3", {"<|start_header_id|>", ""}, "<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>", false,
         "<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>", ""},
        {"gemma", {"<start_of_turn>", ""}, "", "\n\n", true,
         "<start_of_turn>user\n", "<end_of_turn>\n<start_of_turn>model\n", "<end_of_turn>\n", ""},
        {"phi-3", {"<|user|>", "<|end|>"}, "<|system|>\n", "<|end|>\n", false,
         "<|user|>\n", "<|end|>\n<|assistant|>\n", "<|end|>\n", ""},
        {"zephyr", {"<|user|>", ""}, "<|system|>\n", "</s>\n", false,
         "<|user|>\n", "</s>\n<|assistant|>\n", "</s>\n", ""},
        {"llama-2", {"[INST]", "<<SYS>>"}, "<<SYS>>\n", "\n<</SYS>>\n\n", true,
         "[INST] ", " [/INST]", "</s><s>", ""},
        {"mistral", {"[INST]", ""}, "", "\n\n", true,
         "[INST] ", " [/INST]", "</s>", ""},
        {"plain", {"", ""}, "", "\n\n", false,
         "User: ", "\nAssistant:", "\n", "\nUser:"},
    };
    const Template* t = known;
    while (text.find(t->marks[0]) == std::string_view::npos || text.find(t->marks[1]) == std::string_view::npos) t++;
    return *t;                                                      // the marks of the last one are in any text
}

/// A message as the model is to read it; the first one of a conversation brings the system's along.
inline std::string open(const Template& t, std::string_view system, std::string_view message, bool first) {
    std::string out;
    const auto add_system = [&](bool here) {
        if (first && here && !system.empty()) (out += t.system_before).append(system).append(t.system_after);
    };
    add_system(!t.system_inside);
    out += t.user_before;
    add_system(t.system_inside);
    return out.append(message).append(t.user_after);
}

} // namespace chat

#endif // GLLM_EXAMPLES_CHAT_HPP
