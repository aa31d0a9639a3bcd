import CEmethCompute
import Testing

@testable import EmethCompute

/// Reductions, layer norm, softmax and cross-entropy of every set against the scalar reference, bit by bit.
@Suite struct RowKernelTests {
  static let widths = [1, 7, 16, 33, 100, 128, 4095, 4096, 4097, 9001]

  @Test("sums and sums of squares", arguments: widths + [70_001])
  func sums(count: Int) {
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    for kind in 0..<5 {
      let values = sample.numbers(count, kind: kind)
      let different = KernelSets.different { device in
        var results: [Float] = [0, 0]
        _ = emeth_sum(device, &results[0], values, count)
        _ = emeth_sum_of_squares(device, &results[1], values, count)
        return results
      }
      #expect(different.isEmpty)
    }
  }

  @Test("a sum follows the row rule of PROTOCOL 6")
  func rowRule() throws {
    // Two blocks and one element: lanes, then halves, then the three sums as a row of their own.
    var sample = SampleNumbers(seed: 5)
    let values = sample.numbers(8193)
    func rule(_ row: ArraySlice<Float>) -> Float {
      var lanes = [Float](repeating: 0, count: 16)
      for (i, x) in row.enumerated() { lanes[i % 16] += x }
      for half in [8, 4, 2, 1] { for i in 0..<half { lanes[i] += lanes[i + half] } }
      return lanes[0]
    }
    let blocks = [rule(values[0..<4096]), rule(values[4096..<8192]), rule(values[8192...])]
    let device = try Device.cpu(threads: 2)
    let found = try values.withUnsafeBufferPointer { values throws(ComputeError) in try device.sum(values) }
    #expect(found == rule(blocks[...]))
  }

  @Test(
    "column sums continue from what is there", arguments: [(1, 1), (5, 3), (100, 64), (33, 130), (7, 200)])
  func columnSums(rows: Int, columns: Int) {
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    let (values, start) = (sample.numbers(rows * columns, kind: 4), sample.numbers(columns, kind: 4))
    let different = KernelSets.different { device in
      var out = start
      emeth_column_sum(device, &out, values, rows, columns)
      return out
    }
    #expect(different.isEmpty)
  }

  @Test("layer norm forward and backward", arguments: widths)
  func layerNorm(n: Int) {
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    let rows = n > 1000 ? 2 : 37
    for kind in [0, 1, 2, 4] {
      let (a, b) = (sample.numbers(rows * n, kind: kind), sample.numbers(rows * n, kind: kind))
      let (gain, offset) = (sample.numbers(n, kind: kind), sample.numbers(n, kind: kind))
      let different = KernelSets.different { device in
        var (out, sum) = (a, a)
        var mean = [Float](repeating: 0, count: rows)
        var reciprocal = mean
        emeth_add_layer_norm_forward(device, &out, &mean, &reciprocal, &sum, a, b, gain, offset, rows, n)
        var (dIn, dGain, dOffset) = (b, gain, offset)
        emeth_layer_norm_backward(device, &dIn, &dGain, &dOffset, b, sum, gain, mean, reciprocal, rows, n)
        var plain = a
        emeth_layer_norm_forward(device, &plain, &mean, &reciprocal, a, gain, offset, rows, n)
        return out + sum + mean + reciprocal + dIn + dGain + dOffset + plain
      }
      #expect(different.isEmpty, "kind \(kind)")
    }
  }

  @Test("softmax and cross-entropy", arguments: widths)
  func crossEntropy(n: Int) {
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    let rows = 6
    for kind in 0..<5 {
      let logits = sample.numbers(rows * n, kind: kind).map { $0 * 8 }
      let targets = (0..<8).map { $0 == 4 ? UInt32.max : UInt32(sample.below(n)) }
      let different = KernelSets.different { device in
        var (p, plain, gradients) = (logits, logits, logits)
        var losses = [Float](repeating: 0, count: rows)
        var again = losses
        emeth_softmax(device, &p, logits, rows, n)
        emeth_cross_entropy(device, &losses, &plain, targets, 3, 4, rows, n, 0.25, false)
        emeth_cross_entropy(device, &again, &gradients, targets, 3, 4, rows, n, 0.25, true)
        #expect(plain == logits)
        #expect(losses == again)
        return p + losses + gradients
      }
      #expect(different.isEmpty, "kind \(kind)")
    }
  }
}
