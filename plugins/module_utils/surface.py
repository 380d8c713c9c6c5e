# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface of a set of voxels, as triangles in the patient's coordinates."""

from __future__ import annotations

import traceback

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

try:
    import numpy as np

    # Not the whole of VTK, which would want a screen.
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPolyData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D, vtkQuadricDecimation, vtkWindowedSincPolyDataFilter
except ImportError:
    VTK_ERROR: str | None = traceback.format_exc()
else:
    VTK_ERROR = None

# Of the filter that smooths: the lower, the smoother. This one takes away the steps between voxels.
PASS_BAND = 0.05


def surface(mask: np.ndarray, affine: np.ndarray, smooth: int = 0, reduce: float = 0.0) -> np.ndarray:
    """Triangles of three points each, float32, around the true voxels of an array.

    The affine leads from indices, which are those of the voxels' centers, to coordinates. The surface runs half-way
    between a voxel inside and one outside, and is closed at the border of the array too.
    """
    # VTK counts the last index as x.
    padded = np.pad(mask.view(np.uint8), 1)
    image = vtkImageData()
    image.SetDimensions(padded.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(padded.ravel()))
    contour = vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, 0.5)
    contour.ComputeNormalsOff()
    contour.ComputeGradientsOff()
    contour.ComputeScalarsOff()
    contour.Update()
    mesh = contour.GetOutput()

    # In coordinates of the patient before anything is smoothed: voxels are not always cubes.
    indices = vtk_to_numpy(mesh.GetPoints().GetData())[:, ::-1].astype(np.float64) - 1
    points = (indices @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)
    mesh.GetPoints().SetData(numpy_to_vtk(points, deep=True))
    mesh = finished(mesh, smooth, reduce)

    points = vtk_to_numpy(mesh.GetPoints().GetData())
    triangles = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    # VTK's x, y, z are turned around here, which mirrors; an affine may mirror too.
    if np.linalg.det(affine[:3, :3]) > 0:
        triangles = triangles[:, ::-1]
    return np.ascontiguousarray(points, dtype=np.float32)[triangles]


def finished(mesh: vtkPolyData, smooth: int, reduce: float) -> vtkPolyData:
    """Smoothed and with fewer triangles, if that is asked for; both filters keep the volume."""
    if smooth:
        smoothing = vtkWindowedSincPolyDataFilter()
        smoothing.SetInputData(mesh)
        smoothing.SetNumberOfIterations(smooth)
        smoothing.SetPassBand(PASS_BAND)
        smoothing.BoundarySmoothingOff()
        smoothing.FeatureEdgeSmoothingOff()
        smoothing.NonManifoldSmoothingOn()
        smoothing.NormalizeCoordinatesOn()
        smoothing.Update()
        mesh = smoothing.GetOutput()
    if reduce:
        reduction = vtkQuadricDecimation()
        reduction.SetInputData(mesh)
        reduction.SetTargetReduction(reduce)
        reduction.VolumePreservationOn()
        reduction.Update()
        mesh = reduction.GetOutput()
    if not mesh.GetNumberOfPolys():
        raise PacsError("nothing is left of the surface: ask for less smoothing or reduction")
    return mesh
