/// A way to cheat or to die that a role of the local network can be told to show, so that the network can be
/// seen to catch it. A node's acts on its first SubJob that allows it, a verifier's whenever it is drawn; it
/// lives in that role only.
public enum NodeFault: String, Sendable, Codable, CaseIterable {
  /// Trains only the first half of every segment's steps, rounded down, and commits to what came out.
  case skipSteps = "skip-steps"
  /// Trains nothing at all: the weights stay as they were, only the step counter moves.
  case frozenWeights = "frozen-weights"
  /// Trains on other sequences of its part than the order demands.
  case otherData = "other-data"
  /// Takes the steps in reverse: the right sequences, in another order.
  case otherOrder = "other-order"
  /// Trains with twice the learning rate.
  case otherLearningRate = "other-learning-rate"
  /// Hands in the trace and the update of an earlier SubJob of its own, with the right beginning put before it.
  case replayedTrace = "replayed-trace"
  /// Hands in the roots that another node has published, with a result of its own making.
  case copiedTrace = "copied-trace"
  /// Trains honestly and hands in another update than its last state gives.
  case swappedFinal = "swapped-final"
  /// Stops after half of the segments, rounded down, and hands that in.
  case shorterRun = "shorter-run"
  /// Adds the smallest possible amount to one weight at the end of every segment.
  case smallNoise = "small-noise"
  /// Begins with other weights than the round's.
  case wrongInit = "wrong-init"
  /// Trains on the first half of its part only.
  case truncatedShard = "truncated-shard"
  /// Trains honestly and opens its trace with other salts than those that it committed to.
  case changedSalts = "changed-salts"
  /// Trains honestly and opens other states than those that it committed to.
  case alteredOpening = "altered-opening"
  /// Takes the SubJob and never answers.
  case stall
  /// A verifier that accepts without replaying anything and makes the state root of its verdict up.
  case stampingVerifier = "stamping-verifier"
  /// A verifier that rejects whatever it is given, with evidence of its own making.
  case rejectingVerifier = "rejecting-verifier"
  /// A verifier that replays, and signs a second verdict that says the opposite.
  case twoVerdicts = "two-verdicts"
  /// A verifier that gives a wrong share of a sum, and says of honest nodes that they masked another update.
  case accusingVerifier = "accusing-verifier"
  /// A verifier that gives wrong shares of sums and accuses nobody.
  case wrongShare = "wrong-share"
  /// A verifier that judges, and is never heard of when sums are checked.
  case silentVerifier = "silent-verifier"
  /// A verifier that names another state in its verdicts than it computes, and gives wrong shares of sums.
  case falseRoot = "false-root"
  /// A verifier that accepts without replaying anything, as if it held the update, and is never heard of when sums are
  /// checked.
  case accompliceVerifier = "accomplice-verifier"
  /// A verifier that knows what a node of `swapped-final` has swapped: accepts it and vouches for it in the sum.
  case speakingAccomplice = "speaking-accomplice"
  /// A verifier that knows what a node of `poisoned-update` masks, and vouches for that in the sum.
  case poisonAccomplice = "poison-accomplice"
  /// Computes, and does not answer when its SubJob's cohort asks for a round key.
  case dropBeforeKeys = "drop-before-keys"
  /// Gives its round key and posts no masked update.
  case dropBeforeMask = "drop-before-mask"
  /// Posts its masked update and is never heard of again in that round.
  case dropAfterMask = "drop-after-mask"
  /// Trains honestly and masks another update than the one that it submitted.
  case poisonedUpdate = "poisoned-update"
  /// Opens its round secret to the first verifier that asks for it, and is never heard of again.
  case dropAfterOpening = "drop-after-opening"
  /// Masks another update than the one that it submitted, and opens nothing to anybody after it.
  case hiddenPoison = "hidden-poison"
  /// Masks another update than the one that it submitted, and opens to the first verifier that asks alone.
  case guardedPoison = "guarded-poison"
  /// Adds one word of a cohort's sum wrongly.
  case wrongSum = "wrong-sum"
}

extension NodeFault {
  /// Whether it can be shown in some segments and not in others.
  public var isOfSegments: Bool {
    switch self {
    case .skipSteps, .frozenWeights, .otherData, .otherOrder, .otherLearningRate, .truncatedShard,
      .smallNoise:
      true
    default: false
    }
  }

  /// Whose fault it is.
  public var role: FaultRole {
    switch self {
    case .skipSteps, .frozenWeights, .otherData, .otherOrder, .otherLearningRate, .replayedTrace,
      .copiedTrace, .swappedFinal, .shorterRun, .smallNoise, .wrongInit, .truncatedShard, .changedSalts,
      .alteredOpening, .stall, .dropBeforeKeys, .dropBeforeMask, .dropAfterMask, .poisonedUpdate,
      .dropAfterOpening, .hiddenPoison, .guardedPoison:
      .node
    case .stampingVerifier, .rejectingVerifier, .twoVerdicts, .accusingVerifier, .wrongShare, .silentVerifier,
      .falseRoot, .accompliceVerifier, .speakingAccomplice, .poisonAccomplice:
      .verifier
    case .wrongSum: .aggregator
    }
  }

  /// Whether it shows while updates are added, after honest training.
  var isOfSums: Bool {
    switch self {
    case .dropBeforeKeys, .dropBeforeMask, .dropAfterMask, .dropAfterOpening, .poisonedUpdate, .hiddenPoison,
      .guardedPoison,
      .accusingVerifier, .wrongShare, .silentVerifier, .falseRoot, .accompliceVerifier,
      .speakingAccomplice, .poisonAccomplice, .wrongSum:
      true
    default: false
    }
  }

  /// Whether a verifier says nothing when sums are checked.
  var isSilentAboutSums: Bool { self == .silentVerifier || self == .accompliceVerifier }
}

/// A fault and who shows it.
public struct FaultPlan: Sendable, Codable, Hashable {
  /// What it does.
  public var fault: NodeFault
  /// Which node, or which other holder of the fault's role, counted from 1.
  public var node: Int
  /// In how many segments of the SubJob, never the last; `nil` is all of them.
  public var segments: Int?

  /// A fault of one role's holder.
  public init(fault: NodeFault, node: Int, segments: Int? = nil) {
    self.fault = fault
    self.node = node
    self.segments = segments
  }

  /// Reads `KIND@NODE`, for example `skip-steps@2`, or `KIND@NODE:SEGMENTS` for what can be done to some segments
  /// alone.
  public init?(_ text: String) {
    let fields = text.split(separator: "@", omittingEmptySubsequences: false)
    guard fields.count == 2, let fault = NodeFault(rawValue: String(fields[0])) else { return nil }
    let numbers = fields[1].split(separator: ":", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard numbers.count <= 2, numbers.allSatisfy({ $0 > 0 }), numbers.count == 1 || fault.isOfSegments else {
      return nil
    }
    self.init(fault: fault, node: numbers[0], segments: numbers.count == 2 ? numbers[1] : nil)
  }
}

extension FaultPlan: CustomStringConvertible {
  /// The plan as it is typed.
  public var description: String { "\(fault.rawValue)@\(node)" + (segments.map { ":\($0)" } ?? "") }
}
