import Foundation

/// SentencePiece's table of characters to be replaced before text is cut into pieces
/// (`precompiled_charsmap`).
///
/// Four bytes with the length of a trie, the trie as a double array of 32-bit little-endian units, then the
/// replacements, each ended by a zero byte. As Hugging Face's `tokenizers` reads it: a grapheme cluster of at
/// most five bytes is replaced as a whole by what its shortest prefix in the trie stands for; characters of
/// other clusters are replaced one by one.
struct CharacterMap: Sendable {
  private static let largestCluster = 5
  /// The most bytes that a character may become: a file may come from strangers. Unicode's own need 33.
  private static let largestReplacement = 1_024

  private let units: [UInt32]
  private let replacements: [UInt8]
  /// The replacement of each one-byte character; nil where there is none.
  private let ascii: [[UInt8]?]

  /// Reads a table; nil when it is not one.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 8 else { return nil }
    func unit(_ index: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[4 * index + $1]) << UInt32(8 * $1) }
    }
    let trieByteCount = Int(unit(0))
    guard trieByteCount > 0, trieByteCount % 4 == 0, trieByteCount <= bytes.count - 4 else { return nil }
    units = (1...trieByteCount / 4).map(unit)
    replacements = Array(bytes[(4 + trieByteCount)...])
    var check = UTF8Check()
    guard replacements.withUnsafeBufferPointer({ check.read($0) }) == nil else { return nil }
    var length = 0
    for byte in replacements {
      length = byte == 0 ? 0 : length + 1
      guard length <= Self.largestReplacement else { return nil }
    }
    let (units, replacements) = (units, replacements)
    ascii = (0..<0x80).map { Self.replacement(of: [UInt8($0)], units: units, replacements: replacements) }
  }

  /// What stands for the bytes of a character or cluster, nil when they stay.
  func replacement(of bytes: some Sequence<UInt8>) -> [UInt8]? {
    Self.replacement(of: bytes, units: units, replacements: replacements)
  }

  /// The text with its characters replaced; nil when it gets longer than so many bytes.
  func normalize(_ text: [UInt8], byteLimit: Int) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    text.withUnsafeBufferPointer { text in
      var index = 0
      while index < text.count, result.count <= byteLimit {
        var end = Self.certainEnd(at: index, in: text)
        if let end {
          appendCharacter(text[index..<end], to: &result)
          index = end
          continue
        }
        // What joins others to clusters, up to the next place where one is certain to end.
        var next = index + 1
        while next < text.count, end == nil {
          end = Self.certainEnd(at: next, in: text)
          next += 1
        }
        appendClusters(
          String(decoding: text[index..<(end ?? text.count)], as: UTF8.self), to: &result, byteLimit)
        index = end ?? text.count
      }
    }
    return result.count <= byteLimit ? result : nil
  }

  private func appendClusters(_ text: String, to result: inout [UInt8], _ byteLimit: Int) {
    for cluster in text where result.count <= byteLimit {
      if cluster.utf8.count <= Self.largestCluster, let replaced = replacement(of: cluster.utf8) {
        result += replaced
      } else {
        for scalar in cluster.unicodeScalars where result.count <= byteLimit {
          let bytes = UTF8.encode(scalar) ?? .init()
          if let replaced = replacement(of: bytes) { result += replaced } else { result += bytes }
        }
      }
    }
  }

  private func appendCharacter(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, to result: inout [UInt8]) {
    if bytes.count == 1, let byte = bytes.first {
      if let replaced = ascii[Int(byte)] { result += replaced } else { result.append(byte) }
    } else if let replaced = replacement(of: bytes) {
      result += replaced
    } else {
      result += bytes
    }
  }

  /// Where the plain character at `index` ends, if it stands in front of another or the end: no cluster
  /// reaches over that place. Nil for all others, and within a character.
  @inline(__always)
  private static func certainEnd(at index: Int, in text: UnsafeBufferPointer<UInt8>) -> Int? {
    let length = plainLength(at: index, in: text)
    let end = index + length
    return length > 0 && (end == text.count || plainLength(at: end, in: text) > 0) ? end : nil
  }

  /// The length of a character that joins no other of its kind to a cluster, 0 for all others: visible ASCII,
  /// space, line feed, kana and ideographs.
  @inline(__always)
  private static func plainLength(at index: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
    let first = text[index]
    if first < 0x80 { return (0x20..<0x7F).contains(first) || first == 0x0A ? 1 : 0 }
    guard (0xE3...0xE9).contains(first), index + 2 < text.count else { return 0 }
    let code =
      UInt32(first & 0x0F) << 12 | UInt32(text[index + 1] & 0x3F) << 6 | UInt32(text[index + 2] & 0x3F)
    switch code {
    case 0x3041...0x3096, 0x30A1...0x30FA, 0x4E00...0x9FFF: return 3
    default: return 0
    }
  }

  private static func replacement(
    of bytes: some Sequence<UInt8>, units: [UInt32], replacements: [UInt8]
  ) -> [UInt8]? {
    var node = Int(offset(units[0]))
    for byte in bytes {
      guard byte != 0 else { return nil }
      node ^= Int(byte)
      guard node < units.count else { return nil }
      let unit = units[node]
      guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
      node ^= Int(offset(unit))
      if unit & 0x100 != 0 {
        guard node < units.count else { return nil }
        let start = Int(units[node] & 0x7FFF_FFFF)
        // A replacement that begins within a character would be no text.
        guard start < replacements.count, replacements[start] & 0xC0 != 0x80 else { return nil }
        let end = replacements[start...].firstIndex(of: 0) ?? replacements.count
        return Array(replacements[start..<end])
      }
    }
    return nil
  }

  /// How far a unit's children lie from it, to be combined by exclusive or.
  private static func offset(_ unit: UInt32) -> UInt32 { (unit >> 10) << ((unit & 0x200) >> 6) }
}
