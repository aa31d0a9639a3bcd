import CEmethCompute
import Foundation

/// What a training takes of memory on each of its devices, before any is taken.
///
/// ```swift
/// let plan = try MemoryPlan(configuration: .small, batch: 12, device: device)
/// let trainer = try Trainer(state: state, …, microBatch: plan.microBatch, device: device)
/// ```
public struct MemoryPlan: Sendable, Hashable {
  /// Parameters, both moments, gradients; what an update of them reads.
  public let modelByteCount: Int
  /// What grows with the batch: the gradients of its embeddings, its losses and its token ids.
  public let batchByteCount: Int
  /// Activations of a micro-batch and of an evaluation's batch, and what the backward pass needs.
  public let activationByteCount: Int
  /// Sequences that pass through the model at once; it changes no bit.
  public let microBatch: Int
  /// Sequences that an evaluation reads at once; it changes no bit.
  public let evaluationBatch: Int

  /// What the operations of a GPU take for themselves; 0 on a CPU.
  public let operationByteCount: Int

  /// All of it.
  public var byteCount: Int { modelByteCount + batchByteCount + activationByteCount + operationByteCount }

  /// Memory that an evaluation's activations take where one sequence does not need more.
  private static let evaluationBytes = 1 << 28

  /// The plan of a training on a CPU: the largest micro-batch of at most 1 GiB of activations that fits.
  ///
  /// - Parameter available: bytes that may be taken; nil where nobody knows.
  /// - Throws: `ComputeError.insufficientMemory` when not even single sequences fit, saying what would.
  public init(
    configuration: ModelConfiguration, batch: Int, available: Int? = Self.availableByteCount
  ) throws(ComputeError) {
    try self.init(
      configuration: configuration, batch: batch, available: available,
      activations: Trainer.defaultActivationBytes
    ) { _, _ in 0 }
  }

  /// The plan of a training on one or several devices, in the memory that is free there now. A GPU's micro-batches are
  /// as large as fits: small matrices leave its multiprocessors idle. Of several it is the plan of each, with the
  /// largest share of the batch, in what the fullest of them has.
  ///
  /// - Parameter held: bytes of the first device's that have been taken already, such as those of a state that was
  ///   read.
  /// - Throws: `ComputeError.insufficientMemory`, `deviceFailed`.
  public init(
    configuration: ModelConfiguration, batch: Int, team: DeviceTeam, held: Int = 0
  ) throws(ComputeError) {
    var available: Int?
    for (index, device) in team.devices.enumerated() {
      guard let free = try device.availableByteCount() else { continue }
      // A GPU gives memory in large pages.
      let own = (device.gpu == nil ? free : free - free / 64) + (index == 0 ? held : 0)
      available = min(available ?? own, own)
    }
    let lead = team.lead
    try self.init(
      configuration: configuration, batch: batch, devices: team.devices.count, available: available,
      activations: lead.gpu == nil ? Trainer.defaultActivationBytes : .max
    ) {
      lead.operationByteCount(training: $0, sequences: $1)
    }
  }

  /// The plan of a training on one device.
  ///
  /// - Throws: `ComputeError.insufficientMemory`, `deviceFailed`.
  public init(
    configuration: ModelConfiguration, batch: Int, device: Device, held: Int = 0
  ) throws(ComputeError) {
    try self.init(configuration: configuration, batch: batch, team: DeviceTeam(device), held: held)
  }

  /// Bytes that the operations take for themselves, by the shape and the number of sequences at once.
  private typealias Operations = (ModelConfiguration, Int) -> Int

  private init(
    configuration: ModelConfiguration, batch: Int, devices: Int = 1, available: Int?, activations: Int,
    operations: Operations
  ) throws(ComputeError) {
    let share = Self.share(of: batch, devices)
    func plan(_ micro: Int, _ evaluation: Int) -> Self {
      Self(
        configuration: configuration, batch: share, microBatch: micro, evaluationBatch: evaluation,
        operations: operations)
    }
    let smallest = plan(1, 1)
    let limit = available ?? .max
    guard smallest.byteCount <= limit else {
      throw .insufficientMemory(
        needed: smallest.byteCount, available: limit,
        fitting: Self.fitting(
          configuration, batch: batch, devices: devices, limit: limit, operations: operations))
    }
    let usual = min(share, max(1, activations / Self.activationByteCount(configuration)))
    let micro = Self.largest(usual) { plan($0, 1).byteCount <= limit }
    let reads = Evaluator.batch(of: configuration, byteCount: Self.evaluationBytes, upTo: batch)
    self = plan(micro, Self.largest(reads) { plan(micro, $0).byteCount <= limit })
  }

  /// The most sequences of a batch that one of several devices takes.
  private static func share(of batch: Int, _ devices: Int) -> Int { (batch - 1) / devices + 1 }

  private init(
    configuration: ModelConfiguration, batch: Int, microBatch: Int, evaluationBatch: Int,
    operations: Operations
  ) {
    let float = MemoryLayout<Float>.stride
    let rows = Self.product(batch, configuration.context)
    // With what AdamW reads: which tensors decay, the numbers of a step.
    modelByteCount =
      4 * float * configuration.parameterCount
      + ParameterLayout(configuration).tensors.count * MemoryLayout<emeth_decay_span>.stride
      + MemoryLayout<emeth_adamw_scalars>.stride + MemoryLayout<UInt32>.stride
    // The evaluation has losses and ids of its own, and both their sums.
    let evaluated = Self.product(evaluationBatch, configuration.context)
    batchByteCount = Self.sum(
      Self.product(rows, float * (configuration.width + 3)), Self.product(evaluated, 3 * float) + 2 * float)
    activationByteCount = Self.sum(
      Self.product(microBatch, Self.activationByteCount(configuration)),
      Self.product(
        evaluationBatch, ActivationBuffers.byteCount(configuration: configuration, forBackward: false)))
    operationByteCount = operations(configuration, max(microBatch, evaluationBatch))
    self.microBatch = microBatch
    self.evaluationBatch = evaluationBatch
  }

  /// Activations of one sequence with a backward pass, and that pass's (rows, 5C).
  private static func activationByteCount(_ shape: ModelConfiguration) -> Int {
    ActivationBuffers.byteCount(configuration: shape, forBackward: true)
      + 5 * shape.width * shape.context * MemoryLayout<Float>.stride + 2 * 64
  }

  /// The nearest settings that fit, in words: a shorter context, a smaller batch, fewer layers.
  private static func fitting(
    _ shape: ModelConfiguration, batch: Int, devices: Int, limit: Int, operations: Operations
  ) -> String {
    func fits(layers: Int, context: Int, batch: Int) -> Bool {
      guard
        let smaller = try? ModelConfiguration(
          layers: layers, heads: shape.heads, width: shape.width, context: context,
          vocabularySize: shape.vocabularySize)
      else { return false }
      return Self(
        configuration: smaller, batch: share(of: batch, devices), microBatch: 1, evaluationBatch: 1,
        operations: operations
      ).byteCount <= limit
    }
    let smallerBatch = largest(batch - 1) { fits(layers: shape.layers, context: shape.context, batch: $0) }
    if smallerBatch >= devices { return "a batch of \(smallerBatch) would fit" }
    let context = largest(shape.context - 1) { fits(layers: shape.layers, context: $0, batch: batch) }
    if context > 0 { return "a context of \(context) would fit" }
    let layers = largest(shape.layers - 1) { fits(layers: $0, context: 1, batch: devices) }
    guard layers > 0 else {
      return "not even one layer of this width and vocabulary fits; take a smaller model"
    }
    let room = largest(shape.context) { fits(layers: layers, context: $0, batch: devices) }
    return "at most \(layers) layers would fit, with a batch of \(devices) and a context of \(room)"
  }

  /// The largest number up to `upper` that fits, at least 1; 0 when none does.
  private static func largest(_ upper: Int, _ fits: (Int) -> Bool) -> Int {
    var (low, high) = (0, upper)
    while low < high {
      let middle = high - (high - low) / 2
      if fits(middle) { low = middle } else { high = middle - 1 }
    }
    return low
  }

  private static func product(_ a: Int, _ b: Int) -> Int {
    let (value, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? .max / 4 : value
  }

  private static func sum(_ a: Int, _ b: Int) -> Int {
    let (value, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max / 4 : value
  }

  /// Bytes that this process may still take without swapping: what the system calls available, less where a
  /// control group or a limit of the address space allows less. Nil where the system does not say.
  public static var availableByteCount: Int? {
    let known = [systemByteCount, groupByteCount, addressByteCount].compactMap(\.self)
    return known.min()
  }

  private static var systemByteCount: Int? {
    number(after: "MemAvailable:", in: "/proc/meminfo").map { $0 << 10 }
  }

  /// Of the second version of control groups, which containers and services are run in.
  private static var groupByteCount: Int? {
    guard let groups = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8),
      let own = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::") })
    else { return nil }
    let folder = "/sys/fs/cgroup" + own.dropFirst(3)
    guard let limit = number(after: "", in: folder + "/memory.max"),
      let used = number(after: "", in: folder + "/memory.current")
    else { return nil }
    return max(0, limit - used)
  }

  private static var addressByteCount: Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < Int.max,
      let used = number(after: "VmSize:", in: "/proc/self/status")
    else { return nil }
    return max(0, Int(limit.rlim_cur) - used << 10)
  }

  private static func number(after key: String, in file: String) -> Int? {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(key) }
    return line?.dropFirst(key.count).split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
  }
}
