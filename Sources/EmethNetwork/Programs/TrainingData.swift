import EmethCompute
import EmethKit
import Foundation

/// The records of program 1: token sequences of T + 1 tokens, u32 little-endian, one after another.
///
/// A part of a data set travels in this form; a record is one sequence, so record i lies at byte
/// i · 4 (T + 1).
public struct TrainingData: Sendable {
  /// Context T: a sequence has T + 1 tokens.
  public let context: Int
  /// The encoded sequences.
  public let bytes: Data

  /// Takes encoded sequences; refuses a length that is no whole number of them.
  public init(context: Int, bytes: Data) throws(NetworkError) {
    let size = (context + 1) * 4
    guard !bytes.isEmpty, bytes.count % size == 0 else {
      throw .malformed(
        what: "token sequences", reason: "\(bytes.count) bytes are no whole number of \(size)-byte records")
    }
    self.context = context
    self.bytes = bytes
  }

  /// Number of sequences.
  public var count: Int { bytes.count / recordSize }

  /// Bytes a sequence takes.
  public var recordSize: Int { (context + 1) * 4 }

  /// The encoded sequence `index`.
  public func record(_ index: Int) -> Data {
    let start = bytes.startIndex + index * recordSize
    return bytes[start..<start + recordSize]
  }

  /// The tokens of sequence `index`, T + 1 of them; `UInt32.max` is padding.
  public func tokens(_ index: Int) -> [UInt32] { Self.tokens(record(index)) }

  /// All sequences, decoded.
  public var sequences: [[UInt32]] { (0..<count).map(tokens) }

  /// Decodes one record.
  public static func tokens(_ record: some DataProtocol) -> [UInt32] {
    var tokens: [UInt32] = []
    tokens.reserveCapacity(record.count / 4)
    var word: UInt32 = 0
    var shift: UInt32 = 0
    for byte in record {
      word |= UInt32(byte) << shift
      shift += 8
      if shift == 32 {
        tokens.append(word)
        word = 0
        shift = 0
      }
    }
    return tokens
  }
}
