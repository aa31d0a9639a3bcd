import CEmethCompute
import Testing

@testable import EmethCompute

/// Attention of every set against the scalar reference, bit by bit.
@Suite struct AttentionTests {
  struct Shape: CustomStringConvertible {
    let b, t, c, heads: Int
    var description: String { "B \(b) T \(t) C \(c) NH \(heads)" }
  }

  static let shapes = [
    Shape(b: 1, t: 1, c: 1, heads: 1), Shape(b: 2, t: 3, c: 4, heads: 2), Shape(b: 1, t: 64, c: 64, heads: 2),
    Shape(b: 2, t: 17, c: 30, heads: 3), Shape(b: 1, t: 97, c: 20, heads: 4),
    Shape(b: 1, t: 200, c: 17, heads: 1),
    Shape(b: 1, t: 130, c: 130, heads: 2), Shape(b: 3, t: 12, c: 48, heads: 1),
  ]

  @Test("forward and backward, with and without dropout", arguments: shapes, [0, 1 << 30])
  func forwardAndBackward(shape: Shape, threshold: UInt32) {
    let (b, t, c, heads) = (shape.b, shape.t, shape.c, shape.heads)
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    let mask = sample.mask(threshold: threshold)
    for kind in 0..<5 {
      let (qkv, dOut) = (sample.numbers(b * t * 3 * c, kind: kind), sample.numbers(b * t * c, kind: kind))
      let different = KernelSets.different { device in
        var (out, dQKV) = (dOut, qkv)
        var maximum = [Float](repeating: 0, count: b * heads * t)
        var sum = maximum
        _ = emeth_attention_forward(device, &out, &maximum, &sum, qkv, b, t, c, heads, mask)
        _ = emeth_attention_backward(device, &dQKV, dOut, qkv, maximum, sum, b, t, c, heads, mask)
        return out + maximum + sum + dQKV
      }
      #expect(different.isEmpty, "kind \(kind)")
    }
  }

  @Test("with a cache, in pieces, the outputs are those of the whole sequence", arguments: shapes)
  func cached(shape: Shape) {
    let (t, c, heads) = (shape.t, shape.c, shape.heads)
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    let qkv = sample.numbers(t * 3 * c)
    guard let reference = KernelDevice(EMETH_SET_REFERENCE) else { return }
    var whole = [Float](repeating: 0, count: t * c)
    var maximum = [Float](repeating: 0, count: heads * t)
    var sum = maximum
    _ = emeth_attention_forward(
      reference.handle, &whole, &maximum, &sum, qkv, 1, t, c, heads, emeth_dropout_mask())
    for (name, set) in KernelSets.named + [("reference", EMETH_SET_REFERENCE)] {
      guard let device = KernelDevice(set, threads: 2) else { continue }
      var out = [Float](repeating: 0, count: t * c)
      var keys = [Float](repeating: .nan, count: emeth_attention_cache_count(t, c))
      var values = keys
      var position = 0
      while position < t {
        let rows = min(1 + position % 4, t - position)
        keys.withUnsafeMutableBufferPointer { keys in
          values.withUnsafeMutableBufferPointer { values in
            var sequence = emeth_cached_sequence(
              keys: keys.baseAddress, values: values.baseAddress, position: position, rows: rows,
              first_row: position)
            _ = emeth_attention_cached(device.handle, &out, &sequence, 1, qkv, t, c, heads)
          }
        }
        position += rows
      }
      #expect(out.map(KernelSets.bits) == whole.map(KernelSets.bits), "\(name)")
    }
  }
}
