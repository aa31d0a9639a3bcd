import CEmethCompute
import Testing

@testable import EmethCompute

/// Elementwise operations, embeddings and AdamW of every set against the scalar reference, bit by bit.
@Suite struct ElementKernelTests {
  @Test("sums and GELU", arguments: [1, 15, 16, 17, 8192, 8193, 20_000])
  func elements(count: Int) {
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    for kind in 0..<5 {
      let (a, b) = (sample.numbers(count, kind: kind), sample.numbers(count, kind: kind).map { $0 * 6 })
      let different = KernelSets.different { device in
        var (added, forward, backward) = (a, a, a)
        emeth_add(device, &added, a, b, count)
        emeth_gelu_forward(device, &forward, b, count)
        emeth_gelu_backward(device, &backward, a, b, count)
        return added + forward + backward
      }
      #expect(different.isEmpty, "kind \(kind)")
    }
  }

  @Test("embeddings add rows in order", arguments: [(1, 1, 1), (3, 5, 20), (2, 17, 70), (4, 8, 128)])
  func embeddings(b: Int, t: Int, c: Int) {
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    let vocabulary = 7
    let (wte, wpe) = (sample.numbers(vocabulary * c, kind: 2), sample.numbers(t * c, kind: 2))
    let d = sample.numbers(b * t * c, kind: 2)
    let tokens = (0..<(b * (t + 1))).map { _ in UInt32(sample.below(vocabulary)) }
    let different = KernelSets.different { device in
      var (out, dToken, dPosition) = (d, wte, wpe)
      emeth_embedding_forward(device, &out, tokens, t + 1, wte, wpe, b, t, c)
      emeth_embedding_backward(device, &dToken, &dPosition, d, tokens, t + 1, b, t, c)
      return out + dToken + dPosition
    }
    #expect(different.isEmpty)
  }

  @Test("dropout of rows of any width, in place", arguments: [1, 15, 16, 63, 64, 65, 200, 9000])
  func dropout(n: Int) {
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    for kind in 0..<5 {
      let rows = 1 + sample.below(20)
      let (mask, numbers) = (sample.mask(threshold: 1 << 31), sample.numbers(rows * n, kind: kind))
      let different = KernelSets.different { device in
        var (out, own) = (numbers, numbers)
        emeth_dropout(device, &out, numbers, rows, n, mask)
        own.withUnsafeMutableBufferPointer {
          guard let own = $0.baseAddress else { return }
          emeth_dropout(device, own, own, rows, n, mask)
        }
        return out + own
      }
      #expect(different.isEmpty, "kind \(kind)")
    }
  }

  @Test("AdamW over spans that begin anywhere", arguments: 0..<5)
  func adamw(kind: Int) {
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    let cuts = [0, 3, 40, 8195, 20_001]
    let count = 20_001
    let (parameters, first) = (sample.numbers(count, kind: kind), sample.numbers(count, kind: kind))
    let second = sample.numbers(count, kind: kind).map(\.magnitude)
    let gradients = sample.numbers(count, kind: kind)
    let spans = (0..<4).map {
      emeth_decay_span(offset: cuts[$0], count: cuts[$0 + 1] - cuts[$0], decay: $0 % 2 == 0 ? 0.1 : 0)
    }
    var scalars = emeth_adamw_scalars(
      learning_rate: 1e-3, beta1: 0.9, one_minus_beta1: 0.1, beta2: 0.95, one_minus_beta2: 0.05,
      correction1: 1.7,
      correction2: 3.1, epsilon: 1e-8, limit: 0.37)
    let different = KernelSets.different { device in
      var (p, m, v) = (parameters, first, second)
      // The norm is above the limit, then below it, then not finite.
      for sums: [Float] in [[1, 7.3], [1, 0.1], [1, .infinity]] {
        emeth_adamw(device, &p, &m, &v, gradients, sums, spans, spans.count, &scalars)
      }
      return p + m + v
    }
    #expect(different.isEmpty)
  }
}
