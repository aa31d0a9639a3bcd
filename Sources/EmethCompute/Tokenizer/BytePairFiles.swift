import Foundation

/// The files of a byte-level BPE in one fixed form, so that equal tokenizers have equal files and one hash.
///
/// `vocab.json` has one line, ids ascending; `merges.txt` starts with `#version: 0.2`; `tokenizer_config.json`
/// tells Hugging Face tools which special token there is.
struct BytePairFiles {
  /// The text of each token in the byte alphabet, by id.
  let texts: [String]
  /// The texts of each merge's two sides, by rank.
  let merges: [(String, String)]
  /// The text of the token that separates documents.
  let endOfText: String?

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
    var special: [UInt8] = []
    if let endOfText { JSONDocument.append(string: endOfText, to: &special) } else { special += "null".utf8 }
    let name = String(decoding: special, as: UTF8.self)
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

  /// SHA-256(`vocab.json` ‖ `merges.txt`).
  var hash: [UInt8] {
    get throws(ComputeError) { try ContentHash.sha256(vocabulary + mergeLines) }
  }

  /// Writes the three files into an existing folder.
  func write(to folder: URL) throws(ComputeError) {
    try WholeFile.write(vocabulary, to: folder.appendingPathComponent("vocab.json"))
    try WholeFile.write(mergeLines, to: folder.appendingPathComponent("merges.txt"))
    try WholeFile.write(configuration, to: folder.appendingPathComponent("tokenizer_config.json"))
  }
}
