/// A text's tokens in windows of the model's context, each with the token that follows it: T + 1 ids, the
/// last of one being the first of the next, so that every token but the first is a target once (PROTOCOL 4).
///
/// The windows of a `TokenStore` are read when they are asked for.
///
/// ```swift
/// let windows = try TokenWindows(TokenStore([1, 2, 3, 4]), context: 2)
/// windows[0]  // [1, 2, 3]
/// windows[1]  // [3, 4, padding]
/// ```
public struct TokenWindows: RandomAccessCollection, Sendable {
  /// What becomes of tokens at the end that fill no window.
  public enum Remainder: Sendable {
    /// They stand in a last window, filled up with ``TokenSequences/padding``: training reads all of a text.
    case padded
    /// They are left out: an evaluation counts whole windows only.
    case dropped
  }

  /// T, the number of tokens a model reads of each window.
  public let context: Int
  /// 0.
  public let startIndex = 0
  /// Number of windows.
  public let endIndex: Int

  private let tokens: TokenStore

  /// The windows of all tokens.
  ///
  /// - Throws: `ComputeError.invalidInput` for fewer tokens than make a window: two, or T + 1 where the
  ///   remainder is dropped; `invalidConfiguration` for a context below 1.
  public init(
    _ tokens: TokenStore, context: Int, remainder: Remainder = .padded
  ) throws(ComputeError) {
    guard context > 0 else {
      throw .invalidConfiguration(what: "context", found: "\(context)", allowed: "1 token or more")
    }
    let fewest = remainder == .padded ? 2 : context + 1
    guard tokens.count >= fewest else {
      throw .invalidInput(what: "text", found: "\(tokens.count) tokens", allowed: "\(fewest) tokens or more")
    }
    self.tokens = tokens
    self.context = context
    endIndex = remainder == .padded ? (tokens.count - 2) / context + 1 : (tokens.count - 1) / context
  }

  /// The T + 1 ids of a window. O(T).
  public subscript(index: Int) -> [UInt32] {
    precondition((0..<endIndex).contains(index), "window out of range")
    let start = index * context
    let window = tokens[start..<Swift.min(start + context + 1, tokens.count)]
    let missing = context + 1 - window.count
    return missing == 0 ? window : window + Array(repeating: TokenSequences.padding, count: missing)
  }
}
