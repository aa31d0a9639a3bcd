import EmethCompute
import EmethKit
import Foundation

/// How a node deals with one SubJob: as the protocol says, or with a fault that it shows.
struct NodeConduct {
  /// `nil` is an honest node.
  let fault: NodeFault?
  /// In which segments the fault shows; `nil` is all of them.
  var segments: Set<Int>?

  /// How it deals with one segment.
  func at(_ segment: Int) -> NodeConduct {
    segments.map { $0.contains(segment) } ?? true ? self : NodeConduct(fault: nil)
  }

  /// Whether a step of a segment is trained, or only counted.
  func trains(step: Int, of steps: Range<Int>) -> Bool {
    switch fault {
    case .skipSteps: step - steps.lowerBound < steps.count / 2
    case .frozenWeights, .copiedTrace: false
    default: true
    }
  }

  /// The step whose sequences are trained on at `step`, of `count` in the SubJob.
  func source(of step: Int, of count: Int) -> Int { fault == .otherOrder ? count - 1 - step : step }

  /// The sequence that is read in place of `index`, of `count` in the part.
  func sequence(_ index: Int, of count: Int) -> Int {
    switch fault {
    case .otherData: (index + 1) % count
    case .truncatedShard: index % max(1, count / 2)
    default: index
    }
  }

  /// How many of the segments are computed.
  func segments(of count: Int) -> Int { fault == .shorterRun ? count / 2 : count }

  /// What the learning rate is multiplied by.
  var learningRateFactor: Double { fault == .otherLearningRate ? 2 : 1 }

  /// Changes the weights that training begins with.
  func disturbStart(_ state: TrainingState) { if fault == .wrongInit { Self.disturb(state) } }

  /// Changes the weights at the end of a segment.
  func disturbEnd(_ state: TrainingState) { if fault == .smallNoise { Self.disturb(state) } }

  private static func disturb(_ state: TrainingState) { state.parameters[0] = state.parameters[0].nextUp }

  /// The update that is handed in for the one that was computed.
  func update(_ computed: Data) -> Data {
    switch fault {
    case .swappedFinal: Update.negated(computed)
    case .copiedTrace: Data(count: computed.count)
    default: computed
    }
  }

  /// The salt that boundaries are opened with.
  func opened(salt: Bytes32) -> Bytes32 {
    fault == .changedSalts ? SHA256.hash(salt.bytes) : salt
  }

  /// The state that is opened for one that was committed to.
  func opened(state: Data) -> Data {
    guard fault == .alteredOpening, let last = state.indices.last else { return state }
    var altered = state
    altered[last] ^= 1
    return altered
  }
}
