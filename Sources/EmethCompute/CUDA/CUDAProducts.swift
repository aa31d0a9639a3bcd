import CEmethCompute

/// cuBLASLt, NVIDIA's library of matrix products, for the `fast` profile. Without it the products are the
/// project's own.
final class CUDAProducts: Sendable {
  /// Where it lies.
  let place: CUDALibrary.Place
  /// Its version: 12 or 13 and a minor one.
  let version: CUDALibrary.Version
  /// The library may be called from several threads at once.
  nonisolated(unsafe) let handle: OpaquePointer

  /// Major versions that this library knows.
  static let knownMajors = 12...13

  /// The first that the search finds and that this library and the driver know, with what became of every place
  /// that was tried.
  ///
  /// - Parameter driver: the version of CUDA that the driver offers: libraries of a newer major one refuse it.
  static func find(
    search: CUDALibrarySearch, driver: CUDALibrary.Version?, attempts: inout [CUDALibrary.Attempt]
  ) -> CUDAProducts? {
    for place in search.places(of: .products) {
      var handle: OpaquePointer?
      var (major, minor): (Int32, Int32) = (0, 0)
      let (status, message) = withCUDAMessage { emeth_cublas_open(&handle, place.path, &major, &minor, $0) }
      guard status == EMETH_OK, let handle else {
        attempts.append(.init(place: place, problem: status == EMETH_NO_MEMORY ? "out of memory" : message))
        continue
      }
      let version = CUDALibrary.Version(major: Int(major), minor: Int(minor))
      if let problem = problem(of: version, driver: driver) {
        emeth_cublas_close(handle)
        attempts.append(.init(place: place, problem: problem))
        continue
      }
      attempts.append(.init(place: place, problem: nil))
      return CUDAProducts(place: place, version: version, handle: handle)
    }
    return nil
  }

  private static func problem(of version: CUDALibrary.Version, driver: CUDALibrary.Version?) -> String? {
    guard knownMajors.contains(version.major) else {
      return "its version is \(version), allowed is \(knownMajors.lowerBound) or \(knownMajors.upperBound)"
    }
    guard let driver, version.major > driver.major else { return nil }
    return "its version is \(version), the driver knows CUDA \(driver.major) at most"
  }

  private init(place: CUDALibrary.Place, version: CUDALibrary.Version, handle: OpaquePointer) {
    self.place = place
    self.version = version
    self.handle = handle
  }

  deinit { emeth_cublas_close(handle) }
}
