extension GatewayBenchmark {
  /// What was measured.
  public struct Report: Codable, Sendable {
    /// One figure of many texts.
    public struct Spread: Codable, Sendable {
      /// In the middle.
      public var median: Double
      /// What all but one in twenty are at most.
      public var slow: Double

      init(_ values: [Double]) {
        let sorted = values.sorted()
        median = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
        slow = sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * 95 / 100)]
      }
    }

    /// A node that computes nothing: all of the time is the gateway's.
    public struct Streams: Codable, Sendable {
      /// From a request to its first token, one text after another.
      public var firstMilliseconds: Spread
      /// How many streams went on beside each other.
      public var streams: Int
      /// From a request to its first token, all at once.
      public var firstOfAllMilliseconds: Spread
      /// The stream that ended first.
      public var fastestSeconds: Double
      /// The stream that ended last.
      public var slowestSeconds: Double
      /// The longest that any reader waited between two pieces.
      public var longestPauseMilliseconds: Double
      /// Of all streams together.
      public var tokensPerSecond: Double
    }

    /// Texts of a model one after another: through the gateway, and the same drawn alone in the same run.
    public struct Texts: Codable, Sendable {
      /// From a request to its first token.
      public var firstMilliseconds: Spread
      /// The same of the node alone.
      public var firstAloneMilliseconds: Spread
      /// The difference, text by text.
      public var firstAddedMilliseconds: Spread
      /// From token to token.
      public var tokenMilliseconds: Spread
      /// The same of the node alone.
      public var tokenAloneMilliseconds: Spread
      /// The difference, text by text.
      public var tokenAddedMilliseconds: Spread
    }

    /// Texts of the model beside each other.
    public struct Batch: Codable, Sendable {
      /// How many.
      public var texts: Int
      /// Tokens a second of one text through the gateway.
      public var oneTokensPerSecond: Double
      /// Of all together.
      public var tokensPerSecond: Double
      /// Of one text's rate, turn by turn.
      public var ratio: Double
      /// Tokens a second of one text, the node alone.
      public var aloneOneTokensPerSecond: Double
      /// Of all together, the node alone.
      public var aloneTokensPerSecond: Double
    }

    /// Of the machine, on which server, node and clients work.
    public var cores: Int
    /// Threads that drew.
    public var threads: Int
    /// Tokens of each text.
    public var tokens: Int
    /// Without any computing.
    public var streams: Streams
    /// With a model.
    public var texts: Texts
    /// With many texts at once.
    public var batch: Batch
  }
}
