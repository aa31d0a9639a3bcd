import EmethCompute
import EmethKit

/// What one party of a bisection has computed of a segment: the state root after each step, and for one step
/// what its operators put out (PROTOCOL 7).
struct SegmentTrace: Codable, Sendable, Hashable {
  /// The state roots after each step.
  var steps: [Bytes32]
  /// The step that was looked into, from 0 within the SubJob.
  var step: Int?
  /// Its operators in the order in which they ran; empty when the step was not computed.
  var operators: [String] = []
  /// For each operator, SHA-256 of the entry before it (32 zero bytes first) ‖ the hash of its output: an entry
  /// fixes all before it. After them the state root that the step led to.
  var chain: [Bytes32] = []

  /// Goes over a segment.
  ///
  /// - Parameters:
  ///   - wanted: the step whose operators are taken down; the run then takes one sequence at once.
  ///   - train: computes a step in its own way; false when it computed nothing.
  init(
    _ steps: Range<Int>, operatorsOf wanted: Int?, in run: TrainingRun,
    train: (Int, OperationTrace?) throws(NetworkError) -> Bool
  ) throws(NetworkError) {
    self.steps = []
    for step in steps {
      let trace = step == wanted ? OperationTrace() : nil
      let trained = try train(step, trace)
      let root = try run.stateRoot()
      self.steps.append(root)
      guard let trace else { continue }
      self.step = step
      guard trained else { continue }
      var entry = Bytes32.zero
      for operation in trace.operations {
        entry = SHA256.hash(entry.bytes + operation.hash)
        operators.append(operation.name)
        chain.append(entry)
      }
      chain.append(root)
    }
  }
}
