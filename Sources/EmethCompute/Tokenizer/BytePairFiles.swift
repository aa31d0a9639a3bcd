import Foundation

/// The files of a byte-level BPE in one fixed form, so that equal tokenizers have equal files and one hash.
///
/// `vocab.json` has one line, ids ascending; `merges.txt` starts with `#version: 0.2`; `tokenizer.json` holds
/// both, with what Hugging Face's `tokenizers` needs to give the same ids; `tokenizer_config.json` tells
/// `transformers` which special token there is.
struct BytePairFiles: Sendable {
  /// The token that separates documents, where a vocabulary has it.
  static let endOfText = "<|endoftext|>"

  /// The text of each token in the byte alphabet, by id.
  let texts: [String]
  /// The texts of each merge's two sides, by rank.
  let merges: [(String, String)]
  /// The ids of tokens that no text becomes, ascending.
  var specialTokens: [UInt32] = []
  /// Whether a word that is a token becomes it without merging (`ignore_merges`).
  var ignoresMerges = false

  /// The bytes of `vocab.json`.
  var vocabulary: [UInt8] {
    var json: [UInt8] = [UInt8(ascii: "{")]
    for (id, text) in texts.enumerated() {
      if id > 0 { json += ", ".utf8 }
      JSONDocument.append(string: text, to: &json)
      json += ": \(id)".utf8
    }
    return json + "}\n".utf8
  }

  /// The bytes of `merges.txt`.
  var mergeLines: [UInt8] {
    var lines = Array("#version: 0.2\n".utf8)
    for (left, right) in merges {
      lines += left.utf8
      lines.append(UInt8(ascii: " "))
      lines += right.utf8
      lines.append(UInt8(ascii: "\n"))
    }
    return lines
  }

  /// The bytes of `tokenizer_config.json`.
  var configuration: [UInt8] {
    let name = specialTexts.contains(Self.endOfText) ? "\"\(Self.endOfText)\"" : "null"
    let json = """
      {
        "add_prefix_space": false,
        "bos_token": \(name),
        "clean_up_tokenization_spaces": false,
        "eos_token": \(name),
        "tokenizer_class": "GPT2Tokenizer",
        "unk_token": \(name)
      }

      """
    return Array(json.utf8)
  }

  /// The bytes of `tokenizer.json`.
  var tokenizer: [UInt8] {
    var json = Array(#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": ["#.utf8)
    for (index, (id, text)) in zip(specialTokens, specialTexts).enumerated() {
      json += "\(index > 0 ? ", " : ""){\"id\": \(id), \"content\": ".utf8
      JSONDocument.append(string: text, to: &json)
      json +=
        #", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}"#
        .utf8
    }
    let byteLevel =
      #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}"#
    json += #"], "normalizer": null, "pre_tokenizer": \#(byteLevel), "post_processor": \#(byteLevel), "#.utf8
    json += #""decoder": \#(byteLevel), "model": {"type": "BPE", "dropout": null, "unk_token": null, "#.utf8
    json += #""continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false, "#.utf8
    json += #""byte_fallback": false, "ignore_merges": \#(ignoresMerges), "vocab": "#.utf8
    json += vocabulary.dropLast()
    json += #", "merges": ["#.utf8
    for (index, (left, right)) in merges.enumerated() {
      json += index > 0 ? ", [".utf8 : "[".utf8
      JSONDocument.append(string: left, to: &json)
      json += ", ".utf8
      JSONDocument.append(string: right, to: &json)
      json.append(UInt8(ascii: "]"))
    }
    return json + "]}}\n".utf8
  }

  private var specialTexts: [String] { specialTokens.map { texts[Int($0)] } }

  /// SHA-256(`vocab.json` ‖ `merges.txt`), with `ignore_merges` behind them where that is set.
  var hash: [UInt8] {
    get throws(ComputeError) {
      try ContentHash.sha256(vocabulary + mergeLines + (ignoresMerges ? Array("ignore_merges".utf8) : []))
    }
  }

  /// Writes the four files into an existing folder.
  func write(to folder: URL) throws(ComputeError) {
    try WholeFile.write(vocabulary, to: folder.appendingPathComponent("vocab.json"))
    try WholeFile.write(mergeLines, to: folder.appendingPathComponent("merges.txt"))
    try WholeFile.write(tokenizer, to: folder.appendingPathComponent("tokenizer.json"))
    try WholeFile.write(configuration, to: folder.appendingPathComponent("tokenizer_config.json"))
  }
}
