import EmethCompute

extension Command {
  /// `emeth benchmark matmul`
  static func benchmarkProducts(_ parsed: ParsedCommand, _ context: CommandContext) throws {
    let model = try BenchmarkModel(parsed, context, onSeveral: false)
    let benchmark = try ProductBenchmark(
      configuration: model.configuration, batch: model.batch, device: model.team.lead)
    let share = Double(parsed[BenchmarkArguments.seconds]) / Double(benchmark.shapes.count + 1)
    var peak = model.team.lead.measurePeakFlops(for: share / 2)
    var measured: [(shape: ProductBenchmark.Shape, seconds: Double)] = []
    for shape in benchmark.shapes {
      try context.cancellation.check()
      measured.append((shape, benchmark.measure(shape, for: share)))
    }
    peak = max(peak, model.team.lead.measurePeakFlops(for: share / 2))
    let report = ProductReport(measured, peakFlops: peak)
    try context.output.write(
      parsed[CommonFlags.json]
        ? JSONText.pretty(report)
        : model.description + "\n" + report.text(for: context.outputTerminal))
  }
}

/// The speed of a step's matrix products.
private struct ProductReport: Encodable {
  struct Product: Encodable {
    var name: String
    /// out (m, n), chains of k.
    var m, n, k: Int
    /// How often a step has it.
    var count: Int
    var milliseconds: Double
    var achievedFlops: Double
    var ratio: Double
  }

  var products: [Product]
  var peakFlops: Double
  /// Of all products of a step together.
  var achievedFlops: Double
  var ratio: Double

  init(_ measured: [(shape: ProductBenchmark.Shape, seconds: Double)], peakFlops: Double) {
    self.peakFlops = peakFlops
    products = measured.map { shape, seconds in
      let flops = shape.operations / seconds
      return Product(
        name: shape.name, m: shape.m, n: shape.n, k: shape.k, count: shape.count,
        milliseconds: seconds * 1e3, achievedFlops: flops, ratio: flops / peakFlops)
    }
    achievedFlops =
      measured.reduce(0) { $0 + $1.shape.operations * Double($1.shape.count) }
      / measured.reduce(0) { $0 + $1.seconds * Double($1.shape.count) }
    ratio = achievedFlops / peakFlops
  }

  /// The figures for people.
  func text(for terminal: Terminal) -> String {
    var table = TextTable([
      .init("product"), .init("m", .right), .init("n", .right), .init("k", .right), .init("ms", .right),
      .init("GFLOP/s", .right), .init("of peak", .right),
    ])
    func percent(_ ratio: Double) -> String { NumberText.fixed(100 * ratio, decimals: 1) + " %" }
    for product in products {
      table.add([
        product.name, "\(product.m)", "\(product.n)", "\(product.k)",
        NumberText.fixed(product.milliseconds, decimals: 2),
        NumberText.fixed(product.achievedFlops * 1e-9, decimals: 1), percent(product.ratio),
      ])
    }
    return table.text(for: terminal)
      + "a step's products together: \(BenchmarkModel.text(flops: achievedFlops)), \(percent(ratio)) of the "
      + "peak, \(BenchmarkModel.text(flops: peakFlops))\n"
  }
}
