import EmethKit

/// What has to be known of a training to say whether a SubJob of it can be computed in a machine's memory and opened in time.
public struct TrainingTerms: Codable, Sendable, Hashable {
  /// Transformer blocks.
  public var layers: UInt32
  /// Attention heads.
  public var heads: UInt32
  /// Channels.
  public var width: UInt32
  /// Tokens of a sequence.
  public var context: UInt32
  /// Token ids.
  public var vocabularySize: UInt32
  /// Sequences of an optimizer step.
  public var batch: UInt32
  /// At the ends of so many segments a node commits to its state.
  public var segments: UInt32
  /// So many states it has to open at most to one verifier.
  public var openedStates: UInt32

  /// The terms of a request; `nil` for one that is no training.
  ///
  /// - Parameter check: how many segments are replayed.
  init?(_ request: JobRequest, check: SegmentCheck) throws(NetworkError) {
    guard case .training(let training) = request else { return nil }
    let drawn = try check.drawn(
      subJobs: Int(request.rounds) * Int(request.parallel), segments: request.segmentCount)
    self.init(training.manifest, drawn: drawn)
  }

  /// The terms of a manifest.
  ///
  /// - Parameter drawn: how many segments of a SubJob are drawn; `nil` is all.
  init(_ manifest: TrainingManifest, drawn: Int?) {
    let shape = manifest.model
    (layers, heads, width) = (shape.layers, shape.heads, shape.width)
    (context, vocabularySize) = (shape.context, shape.vocabularySize)
    batch = manifest.batch
    segments = UInt32(clamping: manifest.segmentCount)
    // The last one is always replayed.
    openedStates = min(max(1, segments) - 1, UInt32(clamping: drawn ?? .max)) + 1
  }

  /// The model's shape, within its limits.
  var shape: ModelShape {
    get throws(NetworkError) {
      try asNetworkError {
        try ModelShape(
          layers: layers, heads: heads, width: width, context: context, vocabularySize: vocabularySize)
      }
    }
  }

  /// Bytes of a state: parameters and both moments. Infinite for a shape that is none: it may come from strangers.
  var stateBytes: Double { (try? shape).map { 12 * Double($0.parameterCount) + 16 } ?? .infinity }
  /// Bytes that are hashed for the trace.
  var traceBytes: Double { Double(segments) * stateBytes }
  /// How much of a SubJob is computed again at most to open its states, 0...1: what lies between a state that is kept and
  /// one that is opened.
  ///
  /// - Parameter room: bytes for states that are kept.
  func recomputedShare(room: UInt64) -> Double {
    guard segments > 1 else { return 0 }
    guard stateBytes <= Double(room) else { return 1 }
    let cache = ModelCache(room: room, stateSize: Int(stateBytes), segments: Int(segments))
    guard segments > 2 else { return 0 }
    guard let spacing = cache.spacing else { return 1 }
    return min(1, Double(openedStates) * Double(spacing - 1) / Double(segments))
  }

  /// Bytes that are opened at most to one verifier.
  var openingBytes: Double { Double(openedStates) * stateBytes }
}
