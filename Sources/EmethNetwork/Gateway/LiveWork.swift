import EmethKit

/// Why a live text has ended.
enum LiveEnding: String, Codable, Sendable, Hashable {
  /// There are as many tokens as were asked for.
  case maxTokens
  /// The model drew its end-of-text mark.
  case endOfText
  /// A stop text was complete.
  case stop
  /// The node can't go on with it; another may.
  case failed
}

/// A text that a node is to draw, from its beginning or from where another node has left it.
public struct LiveAssignment: Codable, Sendable, Hashable {
  /// The text.
  public var id: JobID
  /// The model, by the hash over its files.
  public var model: Bytes32
  /// The prompt.
  public var prompt: [UInt32]
  /// What was drawn already.
  public var drawn: [UInt32]
  /// How it is drawn.
  public var drawing: Drawing
}

/// Tokens of one text that a node has drawn.
public struct LiveTokens: Codable, Sendable, Hashable {
  /// The text.
  public var id: JobID
  /// How many tokens of the text come before these.
  public var from: UInt32
  /// The tokens.
  public var tokens: [UInt32]
  /// Why it has ended behind them; absent while it goes on.
  var ending: LiveEnding?
}

/// What a node says in one turn of live work.
public struct LiveTurn: Codable, Sendable, Hashable {
  /// Hashes of the models that it has.
  public var models: [Bytes32]
  /// How many texts more it would take.
  public var room: UInt32
  /// The texts that it has.
  public var open: [JobID]
  /// What it has drawn since its last turn.
  public var drawn: [LiveTokens]
  /// How long the server may wait until there is something to say, seconds.
  public var wait: UInt32
}

/// What it is told.
public struct LiveWork: Codable, Sendable, Hashable {
  /// Texts to begin.
  public var begin: [LiveAssignment] = []
  /// Texts that nobody wants from it any more.
  public var end: [JobID] = []
  /// Of its texts those that wait for their readers.
  public var pause: [JobID] = []
  /// Whether there are receipts for it to fetch.
  public var hasReceipts = false

  /// Nothing to do.
  public init() {}

  var isEmpty: Bool { begin.isEmpty && end.isEmpty && !hasReceipts }
}
