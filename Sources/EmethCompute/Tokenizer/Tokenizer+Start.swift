extension Tokenizer {
  /// The tokens that a model reads first: those of a prompt, or where that is nil or empty the end-of-text mark,
  /// and a line end where the tokenizer has none.
  ///
  /// - Throws: `ComputeError.invalidInput`.
  public func startTokens(of prompt: String?) throws(ComputeError) -> [UInt32] {
    if let prompt, !prompt.isEmpty { return try encode(prompt) }
    if let endOfText { return [endOfText] }
    return try encode("\n")
  }
}
