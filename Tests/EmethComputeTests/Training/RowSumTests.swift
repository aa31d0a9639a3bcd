import Testing

@testable import EmethCompute

@Suite struct RowSumTests {
  /// The rule as the protocol words it, lane by lane.
  private func reference(_ terms: [Double]) -> Double {
    guard terms.count <= 4_096 else {
      return reference(
        stride(from: 0, to: terms.count, by: 4_096).map {
          reference(Array(terms[$0..<min($0 + 4_096, terms.count)]))
        })
    }
    var lanes = [Double](repeating: 0, count: 16)
    for (index, term) in terms.enumerated() { lanes[index % 16] += term }
    for half in [8, 4, 2, 1] {
      for lane in 0..<half { lanes[lane] += lanes[lane + half] }
    }
    return lanes[0]
  }

  @Test(arguments: [0, 1, 15, 16, 17, 31, 4_095, 4_096, 4_097, 8_192, 12_289, 70_000])
  func sumsInTheProtocolsOrder(count: Int) throws {
    var random = try RandomInput("row sum \(count)")
    var terms: [Double] = []
    for _ in 0..<count { terms.append(Double(try random.float())) }
    #expect(RowSum.sum(count: count) { terms[$0] }.bitPattern == reference(terms).bitPattern)
  }
}
