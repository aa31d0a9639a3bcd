import EmethKit
import Foundation

/// Adds the updates of a round. It sees i32 vectors and their sum, nothing of data or models (PROTOCOL 8).
///
/// Words are added mod 2^32, so masked vectors whose masks cancel give the same sum as plain ones. With at
/// most 511 parts the true sum fits in 32 signed bits.
public struct Aggregator: Sendable {
  /// The most parts whose exact sum fits: 511 · (2^22 − 1) < 2^31.
  public static let maximumParts = 511

  private var sum: [UInt32]
  /// How many vectors were added.
  public private(set) var count = 0

  /// An empty sum of vectors of `coordinates` words.
  public init(coordinates: Int) { sum = [UInt32](repeating: 0, count: coordinates) }

  /// Adds one vector, i32 little-endian.
  public mutating func add(_ update: Data) throws(NetworkError) {
    guard update.count == sum.count * 4 else {
      throw .malformed(what: "update", reason: "\(update.count) bytes, the model has \(sum.count * 4)")
    }
    guard count < Self.maximumParts else {
      throw .malformed(what: "update", reason: "more than \(Self.maximumParts) parts in a round")
    }
    update.withUnsafeBytes { bytes in
      sum.withUnsafeMutableBufferPointer { sum in
        for index in 0..<sum.count {
          sum[index] &+= UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
        }
      }
    }
    count += 1
  }

  /// The sum, centred: each word as a signed 32-bit integer.
  public var centredSum: [Int32] { sum.map { Int32(bitPattern: $0) } }
}
