/// The outputs of one optimizer step's operators, each as a hash: what two parties compare that got to
/// different states by the same step (PROTOCOL 7).
///
/// The list follows from the model's shape, the batch and the micro-batch: both parties take one sequence at
/// once.
///
/// ```swift
/// let trace = OperationTrace()
/// let trainer = try Trainer(state: state, optimizer: optimizer, batch: 12, microBatch: 1, device: device)
/// try trainer.step(sequences: sequences, trace: trace)
/// trace.operations.last?.name                  // "AdamW"
/// ```
public final class OperationTrace {
  /// One operator's output.
  public struct Operation: Hashable, Sendable {
    /// Such as `sequence 2, layer 3: attention`.
    public let name: String
    /// SHA-256 of the output's elements, binary32 little-endian.
    public let hash: [UInt8]
  }

  /// The operators in the order in which they ran.
  public private(set) var operations: [Operation] = []
  /// What the names of the next operators begin with.
  var place = ""

  /// An empty trace.
  public init() {}

  func record(_ name: String, _ output: UnsafePointer<Float>, count: Int) {
    record(name, UnsafeRawBufferPointer(start: output, count: count * 4))
  }

  func record(_ name: String, _ bytes: UnsafeRawBufferPointer) {
    operations.append(
      Operation(name: place + name, hash: StateTree.digest { update in update(bytes) }))
  }
}
