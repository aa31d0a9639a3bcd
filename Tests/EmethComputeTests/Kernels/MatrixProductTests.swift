import CEmethCompute
import Testing

@testable import EmethCompute

/// Matrix products of every set against the scalar chain, bit by bit.
@Suite struct MatrixProductTests {
  @Test("odd shapes, all layouts, all kinds of numbers", arguments: 0..<5)
  func oddShapes(kind: Int) {
    var sample = SampleNumbers(seed: SampleNumbers.seed + UInt64(kind))
    print("seed \(SampleNumbers.seed)")
    for round in 0..<(30 * KernelSets.scale) {
      let (m, n) = (1 + sample.below(round % 3 == 0 ? 110 : 20), 1 + sample.below(70))
      let k = sample.below(round % 5 == 0 ? 600 : 40)
      let (a, b) = (sample.numbers(m * k, kind: kind), sample.numbers(k * n, kind: kind))
      let (bias, start) = (sample.numbers(n, kind: kind), sample.numbers(m * n, kind: kind))
      let slopeOf = sample.numbers(m * n, kind: kind)
      let layout = round % 8
      let different = KernelSets.different { device in
        var out = start
        var activation = start
        var arguments = emeth_matmul_arguments()
        (arguments.m, arguments.n, arguments.k) = (m, n, k)
        arguments.a_transposed = layout & 1 != 0
        arguments.b_transposed = layout & 2 != 0
        arguments.accumulate = layout & 4 != 0
        out.withUnsafeMutableBufferPointer { out in
          activation.withUnsafeMutableBufferPointer { activation in
            a.withUnsafeBufferPointer { a in
              b.withUnsafeBufferPointer { b in
                bias.withUnsafeBufferPointer { bias in
                  slopeOf.withUnsafeBufferPointer { slopeOf in
                    (arguments.out, arguments.a, arguments.b) = (
                      out.baseAddress, a.baseAddress, b.baseAddress
                    )
                    if layout % 2 == 0 { arguments.bias = bias.baseAddress }
                    if round % 3 == 0 { arguments.activation = activation.baseAddress }
                    if round % 3 == 1 { arguments.slope_of = slopeOf.baseAddress }
                    emeth_matmul(device, &arguments)
                  }
                }
              }
            }
          }
        }
        return out + activation
      }
      #expect(different.isEmpty, "m \(m) n \(n) k \(k) layout \(layout)")
    }
  }

  @Test("results that overflow, infinities and NaN are those of fma")
  func notFinite() {
    let (m, n, k) = (9, 18, 5)
    var a = [Float](repeating: 1e20, count: m * k)
    var b = [Float](repeating: 1e19, count: k * n)
    a[7] = .infinity
    a[12] = -1e25
    b[3] = .nan
    b[40] = -3e38
    let different = KernelSets.different { device in
      var out = [Float](repeating: 0, count: m * n)
      var arguments = emeth_matmul_arguments()
      out.withUnsafeMutableBufferPointer { out in
        a.withUnsafeBufferPointer { a in
          b.withUnsafeBufferPointer { b in
            (arguments.out, arguments.a, arguments.b) = (out.baseAddress, a.baseAddress, b.baseAddress)
            (arguments.m, arguments.n, arguments.k) = (m, n, k)
            emeth_matmul(device, &arguments)
          }
        }
      }
      return out
    }
    #expect(different.isEmpty)
  }

  @Test("sums that end half-way between two binary32 numbers in binary64 are rounded once")
  func ties() {
    // 1 + 2^-24 ± 2^-60: binary64 forgets the last term, binary32 must not.
    let near: [Float] = [1, 0x1p-12, 0x1p-30, -0x1p-30]
    let far: [Float] = [1, 0x1p-12, 0x1p-30, 0x1p-30]
    for (left, right) in [(near, far), (far, near)] {
      for order in [[0, 1, 2], [2, 1, 0], [0, 3, 1], [3, 1, 0], [3, 0, 1]] {
        let (a, b) = (order.map { left[$0] }, order.map { right[$0] })
        let different = KernelSets.different { device in
          var out = [Float](repeating: 0, count: 64)
          // 8 x 3 times 3 x 8, all rows and columns alike.
          let rows = (0..<8).flatMap { _ in a }
          let columns = b.flatMap { [Float](repeating: $0, count: 8) }
          out.withUnsafeMutableBufferPointer { out in
            rows.withUnsafeBufferPointer { rows in
              columns.withUnsafeBufferPointer { columns in
                var arguments = emeth_matmul_arguments(
                  out: out.baseAddress, a: rows.baseAddress, b: columns.baseAddress, bias: nil,
                  activation: nil, slope_of: nil, m: 8, n: 8, k: 3, a_transposed: false, b_transposed: false,
                  accumulate: false)
                emeth_matmul(device, &arguments)
              }
            }
          }
          return out
        }
        #expect(different.isEmpty, "order \(order)")
      }
    }
  }
}
