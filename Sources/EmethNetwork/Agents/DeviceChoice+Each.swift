import EmethCompute

extension DeviceChoice {
  /// Its devices one by one: of several GPUs each.
  public var each: [DeviceChoice] {
    guard case .together(let ordinals) = self else { return [self] }
    return ordinals.map { .cuda($0) }
  }
}
