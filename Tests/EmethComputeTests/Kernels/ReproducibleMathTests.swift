import CEmethCompute
import Foundation
import Testing

@testable import EmethCompute

/// The project's own functions: at most 2 ulp from binary64's, over binary32 in strides, over all of it when
/// EMETH_TEST_SCALE is at least 1000; and the same bits from every set.
@Suite struct ReproducibleMathTests {
  typealias Operation = (OpaquePointer?, UnsafeMutablePointer<Float>?, UnsafePointer<Float>?, Int) -> Void

  /// Bit patterns between two tested inputs, about: odd, so that all low bits occur.
  static let stride = KernelSets.scale >= 1000 ? 1 : max(1, 1999 / KernelSets.scale) | 1

  /// Distance from the true value in units of the last place of the nearest binary32.
  static func error(_ found: Float, _ exact: Double) -> Double {
    if exact.isNaN { return found.isNaN ? 0 : .infinity }
    let nearest = Float(exact)
    if nearest.isInfinite || found.isInfinite || found.isNaN { return found == nearest ? 0 : .infinity }
    return abs(Double(found) - exact) / Double(max(nearest.magnitude.ulp, Float.leastNonzeroMagnitude))
  }

  /// The largest error over all bit patterns, and where it is.
  func largestError(_ operation: Operation, _ exact: (Double) -> Double) throws -> (error: Double, at: Float)
  {
    let device = try Device.cpu(threads: 2)
    var worst = (error: 0.0, at: Float(0))
    let block = 1 << 16
    var input = [Float](repeating: 0, count: block)
    var output = input
    var next: UInt64 = 0
    while next <= UInt64(UInt32.max) {
      var count = 0
      while count < block, next <= UInt64(UInt32.max) {
        input[count] = Float(bitPattern: UInt32(next))
        next += UInt64(Self.stride)
        count += 1
      }
      operation(device.handle, &output, input, count)
      for i in 0..<count {
        let error = Self.error(output[i], exact(Double(input[i])))
        if error > worst.error { worst = (error, input[i]) }
      }
    }
    return worst
  }

  @Test func exponential() throws {
    let worst = try largestError(emeth_exp, exp)
    print("exp: \(worst.error) ulp at \(worst.at)")
    #expect(worst.error <= 2)
  }

  @Test func logarithm() throws {
    let worst = try largestError(emeth_log, log)
    print("log: \(worst.error) ulp at \(worst.at)")
    #expect(worst.error <= 2)
  }

  @Test func hyperbolicTangent() throws {
    let worst = try largestError(emeth_tanh, tanh)
    print("tanh: \(worst.error) ulp at \(worst.at)")
    #expect(worst.error <= 2)
  }

  @Test("special values")
  func specialValues() throws {
    let device = try Device.cpu(threads: 1)
    let input: [Float] = [0, -0.0, .infinity, -.infinity, .nan, 1]
    var (e, l, t) = (input, input, input)
    emeth_exp(device.handle, &e, input, input.count)
    emeth_log(device.handle, &l, input, input.count)
    emeth_tanh(device.handle, &t, input, input.count)
    #expect(e[0] == 1 && e[1] == 1 && e[2] == .infinity && e[3] == 0 && e[4].isNaN)
    #expect(
      l[0] == -.infinity && l[1] == -.infinity && l[2] == .infinity && l[3].isNaN && l[4].isNaN && l[5] == 0)
    #expect(t[0] == 0 && t[1].bitPattern == Float(-0.0).bitPattern && t[2] == 1 && t[3] == -1 && t[4].isNaN)
  }

  @Test("all sets give the reference's bits over all of binary32, in strides")
  func sameBits() {
    let count = 1 << 18
    var next: UInt32 = 0
    let input = (0..<count).map { _ in
      next &+= 16_411
      return Float(bitPattern: next)
    }
    let different = KernelSets.different { device in
      var (e, l, t) = (input, input, input)
      emeth_exp(device, &e, input, count)
      emeth_log(device, &l, input, count)
      emeth_tanh(device, &t, input, count)
      return e + l + t
    }
    #expect(different.isEmpty)
  }
}
