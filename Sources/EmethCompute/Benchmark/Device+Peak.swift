import CEmethCompute

extension Device {
  /// The floating-point operations a second that this device's threads reach at most, two for each fused
  /// multiply-add: independent chains in registers, nothing from memory.
  ///
  /// The best of several short measurements, so that what other programs take counts little. Where the
  /// instruction set has no fma, it is the peak of binary64 products and sums that stand for it. Of a GPU it is the
  /// peak of binary32, without tensor cores.
  ///
  /// - Parameter seconds: time for all measurements.
  public func measurePeakFlops(for seconds: Double = 0.2) -> Double {
    let tasks = 8 * (gpu?.multiprocessors ?? threads)
    var (steps, best, spent) = (1_000, 0.0, 0.0)
    while spent < seconds {
      let clock = ContinuousClock()
      let start = clock.now
      let operations = emeth_fma_chains(handle, tasks, steps)
      let time = max(1e-9, (clock.now - start) / .seconds(1))
      best = max(best, operations / time)
      spent += time
      // Long enough that waking the threads is nothing, short enough that a quiet moment is met.
      if time < 0.01, steps < 1 << 40 { steps *= 2 }
    }
    return best
  }
}

extension DeviceTeam {
  /// As `Device.measurePeakFlops(for:)` of all devices, which are as fast as the first.
  public func measurePeakFlops(for seconds: Double = 0.2) -> Double {
    lead.measurePeakFlops(for: seconds) * Double(devices.count)
  }
}
