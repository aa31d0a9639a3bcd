import EmethCompute
import Testing

@Suite struct QuantiserTests {
  /// One tensor of interest (`wte.weight`, one column) in a smallest model.
  private func layout(rows: Int) throws -> ParameterLayout {
    ParameterLayout(try ModelConfiguration(layers: 1, heads: 1, width: 1, context: 1, vocabularySize: rows))
  }

  /// Quantises differences as the rows of the token embedding, everything else unchanged.
  private func quantise(_ differences: [Float], exponent: Int32) throws -> (values: [Int32], clipped: Int) {
    let layout = try layout(rows: differences.count)
    let tensor = try #require(layout["wte.weight"])
    var start = [Float](repeating: 1, count: layout.count)
    var end = start
    for (index, difference) in differences.enumerated() {
      start[tensor.offset + index] = difference
      end[tensor.offset + index] = 0
    }
    let quantiser = try Quantiser(layout: layout, exponent: exponent)
    let result = try start.withUnsafeBufferPointer { start in
      try end.withUnsafeBufferPointer { end in try quantiser.quantise(start: start, end: end) }
    }
    for (index, value) in result.values.enumerated() where !tensor.range.contains(index) {
      #expect(value == 0)
    }
    return (Array(result.values[tensor.range]), result.clipped)
  }

  @Test func recordedValues() throws {
    for expected in try ProtocolExpectations.load().quantised {
      let result = try quantise([Float(bitPattern: expected.bits)], exponent: expected.exponent)
      #expect(result.values == [expected.q], "\(expected)")
      #expect(result.clipped == (expected.clipped ? 1 : 0), "\(expected)")
    }
  }

  /// Against the words of the protocol in binary64, where x · 2^e is exact.
  @Test func randomValues() throws {
    var random = try RandomInput("quantiser")
    for _ in 0..<50 * RandomInput.scale {
      let exponent = Int32(try random.below(271)) - 100
      var values: [Float] = []
      for _ in 0..<100 {
        // Half of them anywhere, half of them near the limits of this exponent, halves included.
        let near =
          (Double(try random.below(1 << 24)) - 0x1p23) / 2
          * Double(sign: .plus, exponent: -Int(exponent), significand: 1)
        let value = try random.below(2) == 0 ? try random.float() : Float(near)
        values.append(value)
      }
      let result = try quantise(values, exponent: exponent)
      var clipped = 0
      for (value, q) in zip(values, result.values) {
        let scaled = (Double(value) * Double(sign: .plus, exponent: Int(exponent), significand: 1)).rounded(
          .toNearestOrEven)
        let clamped = min(max(scaled, -4_194_303), 4_194_303)
        clipped += clamped == scaled ? 0 : 1
        #expect(Double(q) == clamped, "\(value) · 2^\(exponent)")
      }
      #expect(result.clipped == clipped)
    }
  }

  @Test(arguments: [Float.infinity, -.infinity, .nan]) func notFiniteIsRefused(value: Float) throws {
    #expect(
      throws: ComputeError.invalidInput(
        what: "update of wte.weight", found: "not finite", allowed: "finite binary32 numbers")
    ) { try quantise([0, value], exponent: 0) }
  }

  @Test func exponentsOutOfRangeAreRefused() throws {
    let layout = try layout(rows: 1)
    for exponent: Int32 in [-101, 171] {
      #expect(throws: ComputeError.self) { try Quantiser(layout: layout, exponent: exponent) }
    }
    #expect(throws: ComputeError.self) { try Quantiser(layout: layout, exponents: [0]) }
  }

  @Test func recordedNextExponents() throws {
    for expected in try ProtocolExpectations.load().exponents {
      let mean = expected.bits.map { Float(bitPattern: $0) }
      let next = mean.withUnsafeBufferPointer { Quantiser.nextExponent(after: 5, meanUpdate: $0) }
      #expect(next == expected.next, "\(mean)")
    }
  }
}
