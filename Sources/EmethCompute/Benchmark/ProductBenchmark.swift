/// Measures the matrix products of a model's training step one by one, on random numbers, beside the peak of
/// the same threads.
///
/// ```swift
/// let benchmark = try ProductBenchmark(configuration: .small, batch: 12, device: device)
/// for shape in benchmark.shapes { print(shape.name, benchmark.measure(shape, for: 0.5)) }
/// ```
public final class ProductBenchmark {
  /// out (m, n) = a (m, k) · b (k, n), as a step has it.
  public struct Shape: Sendable, Hashable {
    /// Which layer, and which of its three products: forward, input gradient or weight gradient.
    public let name: String
    /// Rows, columns and length of the chains.
    public let m, n, k: Int
    /// How often a step has it.
    public let count: Int
    let aTransposed, bTransposed, accumulate: Bool

    /// Floating-point operations of one product, two for each fused multiply-add.
    public var operations: Double { 2 * Double(m) * Double(n) * Double(k) }
  }

  /// All products of a step, in the order of the layers.
  public let shapes: [Shape]
  private let device: Device
  private let arena: FloatArena
  private let slots: (a: Int, b: Int, out: Int, bias: Int)

  /// Makes the operands: one set, for the largest shapes.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public init(configuration: ModelConfiguration, batch: Int, device: Device) throws(ComputeError) {
    self.device = device
    let shapes = Self.shapes(of: configuration, batch: batch)
    self.shapes = shapes
    let largest = { (size: (Shape) -> Int) in shapes.map(size).max() ?? 0 }
    var slots = ArenaSlots()
    self.slots = (
      slots.take(largest { $0.m * $0.k }), slots.take(largest { $0.k * $0.n }),
      slots.take(largest { $0.m * $0.n }), slots.take(largest { $0.n })
    )
    arena = try FloatArena(count: slots.count, device: device)
    var generator = try CounterGenerator(
      label: "benchmark", seed: [UInt8](repeating: 1, count: 32), part: 0, round: 0, pass: 0)
    // A pattern that repeats, as large ones would take longer to draw than to multiply.
    let period = 65_521
    for index in arena.elements.indices {
      arena.elements[index] =
        index < period ? Float(try generator.below(1 << 24)) * 0x1p-23 - 1 : arena.elements[index - period]
    }
  }

  /// Seconds of one product: the best of as many as fit into the time, at least three.
  public func measure(_ shape: Shape, for seconds: Double) -> Double {
    let base = arena.base
    let clock = ContinuousClock()
    var (best, spent, rounds) = (Double.infinity, 0.0, 0)
    while spent < seconds || rounds < 3 {
      let start = clock.now
      device.multiply(
        base + slots.out, base + slots.a, base + slots.b,
        bias: shape.bTransposed || shape.accumulate ? nil : base + slots.bias, m: shape.m, n: shape.n,
        k: shape.k, aTransposed: shape.aTransposed, bTransposed: shape.bTransposed,
        accumulate: shape.accumulate)
      let time = max(1e-9, (clock.now - start) / .seconds(1))
      best = min(best, time)
      spent += time
      rounds += 1
    }
    return best
  }

  private static func shapes(of configuration: ModelConfiguration, batch: Int) -> [Shape] {
    let c = configuration.width
    let rows = batch * configuration.context
    let layers: [(name: String, inputs: Int, outputs: Int, count: Int, tied: Bool)] = [
      ("query, key, value", c, 3 * c, configuration.layers, false),
      ("attention projection", c, c, configuration.layers, false),
      ("feed-forward", c, 4 * c, configuration.layers, false),
      ("feed-forward projection", 4 * c, c, configuration.layers, false),
      ("head", c, configuration.vocabularySize, 1, true),
    ]
    return layers.flatMap { layer in
      // The head's weights are the token embedding, stored (outputs, inputs).
      [
        Shape(
          name: layer.name, m: rows, n: layer.outputs, k: layer.inputs, count: layer.count,
          aTransposed: false, bTransposed: layer.tied, accumulate: false),
        Shape(
          name: layer.name + ", input gradient", m: rows, n: layer.inputs, k: layer.outputs,
          count: layer.count, aTransposed: false, bTransposed: !layer.tied, accumulate: false),
        Shape(
          name: layer.name + ", weight gradient", m: layer.tied ? layer.outputs : layer.inputs,
          n: layer.tied ? layer.inputs : layer.outputs, k: rows, count: layer.count, aTransposed: true,
          bTransposed: false, accumulate: true),
      ]
    }
  }
}
