import EmethKit
import Foundation

extension Opening {
  /// Reads what a node has opened; `nil` where that is no opening.
  ///
  /// Who reads it does not trust who wrote it: a text of nothing but brackets would become many times its size before
  /// anything of it is looked at.
  init?(encoded data: Data) {
    let extent = JSONExtent(of: data)
    // Almost all of an opening are hashes and records in hexadecimal digits.
    guard extent.depth <= 16, extent.elements <= data.count / 16 + 65_536,
      let opening = try? JSONDecoder().decode(Opening.self, from: data)
    else { return nil }
    self = opening
  }

  /// No opening has more bytes as text.
  static let mostBytes: UInt64 = 255 << 20

  /// The most bytes that an opening of so many segments may have as text: twice what it has, and a MiB for what is small.
  static func byteLimit(_ manifest: TrainingManifest, segments: Int, parameters: Int) -> UInt64 {
    let bytes = byteCount(manifest, segments: segments, parameters: parameters)
    return UInt64(min(2 * bytes, Double(mostBytes))) + 1 << 20
  }

  /// About so many bytes an opening of so many segments has: its sequences with their paths, its boundaries and its salts.
  static func byteCount(_ manifest: TrainingManifest, segments: Int, parameters: Int) -> Double {
    // A hash in quotes with its comma; a path of a tree of 2^64 leaves.
    let (hash, path) = (70.0, 64 * 70.0)
    let sequences = Double(segments) * Double(manifest.segmentLength) * Double(manifest.batch)
    let record = 8 * (Double(manifest.model.context) + 1)
    let salts = Double(parameters) * Double(UpdateRing.wordByteCount) / Double(1 << 20) + 1
    return sequences * (record + path + 256) + Double(2 * segments + 2) * (path + 512) + salts * hash
  }
}

/// How much there is in a JSON text, whether it is sound or not.
struct JSONExtent {
  /// Arrays, objects, and what follows another member of one.
  private(set) var elements = 0
  /// How many arrays and objects lie in each other at most.
  private(set) var depth = 0

  init(of data: Data) {
    var (level, isString, isEscaped) = (0, false, false)
    for byte in data {
      if isString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isString = true
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        elements += 1
        level += 1
        depth = max(depth, level)
      case UInt8(ascii: "]"), UInt8(ascii: "}"): level -= 1
      case UInt8(ascii: ","): elements += 1
      default: break
      }
    }
  }
}
