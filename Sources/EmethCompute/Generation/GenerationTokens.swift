/// How many tokens a model reads and draws for a text, as ``TextGenerator`` goes about it.
public enum GenerationTokens {
  /// The tokens of a prompt, those drawn after it, and those that are read again where the context was full.
  ///
  /// - Parameters:
  ///   - prompt: tokens of the prompt, 1 to the context.
  ///   - drawn: tokens drawn.
  public static func count(prompt: Int, drawn: Int, context: Int) -> Int {
    // The first token follows the prompt; each later one follows a token that is read, until the context is full.
    let beginning = max(context / 2, 1)
    let untilFull = context - prompt + 2
    let again = drawn < untilFull ? 0 : 1 + (drawn - untilFull) / (context - beginning + 1)
    return prompt + drawn + again * (beginning - 1)
  }
}
