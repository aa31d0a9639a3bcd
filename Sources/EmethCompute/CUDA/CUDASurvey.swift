/// What this machine has for computing on NVIDIA's GPUs, and what it lacks.
///
/// ```swift
/// let survey = CUDASurvey()
/// for finding in [survey.driver, survey.compiler, survey.products, survey.collectives] { print(finding.library, finding.remedy ?? "found") }
/// ```
public struct CUDASurvey: Sendable {
  /// A library and whether it was found.
  public struct Finding: Sendable, Codable {
    /// Which one.
    public var library: CUDALibrary
    /// Its version, where it was found.
    public var version: CUDALibrary.Version?
    /// Where it was found.
    public var place: CUDALibrary.Place?
    /// All that was tried, in order.
    public var attempts: [CUDALibrary.Attempt]
    /// How to come by it, where it is missing.
    public var remedy: String?
  }

  /// The driver.
  public let driver: Finding
  /// NVRTC.
  public let compiler: Finding
  /// cuBLASLt, without which the `fast` profile is slower.
  public let products: Finding
  /// NCCL, without which a training takes one GPU.
  public let collectives: Finding
  /// The GPUs.
  public let devices: [CUDADeviceProperties]
  /// Why the GPUs can't be listed, where the driver is there.
  public let problem: String?

  /// Looks.
  public init(search: CUDALibrarySearch = CUDALibrarySearch()) {
    var attempts: [CUDALibrary.Attempt] = []
    let driver = CUDADriver.find(search: search, attempts: &attempts)
    self.driver = Finding(
      library: .driver, version: driver?.version, place: driver?.place, attempts: attempts,
      remedy: driver == nil ? CUDALibrary.driver.remedy : nil)
    attempts = []
    let compiler = CUDACompiler.find(search: search, driver: driver?.version, attempts: &attempts)
    self.compiler = Finding(
      library: .compiler, version: compiler?.version, place: compiler?.place, attempts: attempts,
      remedy: compiler == nil ? CUDALibrary.compiler.remedy : nil)
    attempts = []
    let products = CUDAProducts.find(search: search, driver: driver?.version, attempts: &attempts)
    self.products = Finding(
      library: .products, version: products?.version, place: products?.place, attempts: attempts,
      remedy: products == nil ? CUDALibrary.products.remedy : nil)
    attempts = []
    let collectives = CUDACollectives.find(search: search, attempts: &attempts)
    self.collectives = Finding(
      library: .collectives, version: collectives?.version, place: collectives?.place, attempts: attempts,
      remedy: collectives == nil ? CUDALibrary.collectives.remedy : nil)
    do {
      devices = try driver?.devices() ?? []
      problem = driver?.deviceCount == 0 ? "the driver has no device" : nil
    } catch {
      devices = []
      problem = error.message
    }
  }
}
