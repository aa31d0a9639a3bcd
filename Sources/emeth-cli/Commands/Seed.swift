import EmethKit
import EmethNetwork

/// What everything random follows from, as it is typed after `--seed`.
struct Seed: Equatable, Sendable, CustomStringConvertible {
  /// The text that was typed.
  let text: String
  /// The 32 bytes: 64 hexadecimal digits after `0x` stand for themselves, every other text for the SHA-256 of
  /// its UTF-8 bytes.
  let bytes: Bytes32

  init(_ text: String) {
    self.text = text
    bytes = Drawing.seed(text)
  }

  var description: String { text }
}

extension ValueType where Value == Seed {
  /// A seed: any text.
  static var seed: Self {
    Self(name: "TEXT", completion: .nothing) { text throws(ValueRefusal) in
      guard !text.isEmpty else { throw ValueRefusal(allowed: "a text that is not empty") }
      return Seed(text)
    }
  }
}
