"""torch.return_types: the named tuples that ops return.

Written by `python -m conformance stubs`: do not edit."""

from franken.core.return_types import aminmax as aminmax
from franken.core.return_types import cummax as cummax
from franken.core.return_types import cummin as cummin
from franken.core.return_types import frexp as frexp
from franken.core.return_types import geqrf as geqrf
from franken.core.return_types import histogram as histogram
from franken.core.return_types import histogramdd as histogramdd
from franken.core.return_types import kthvalue as kthvalue
from franken.core.return_types import linalg_cholesky_ex as linalg_cholesky_ex
from franken.core.return_types import linalg_eig as linalg_eig
from franken.core.return_types import linalg_eigh as linalg_eigh
from franken.core.return_types import linalg_inv_ex as linalg_inv_ex
from franken.core.return_types import linalg_ldl_factor as linalg_ldl_factor
from franken.core.return_types import linalg_ldl_factor_ex as linalg_ldl_factor_ex
from franken.core.return_types import linalg_lstsq as linalg_lstsq
from franken.core.return_types import linalg_lu as linalg_lu
from franken.core.return_types import linalg_lu_factor as linalg_lu_factor
from franken.core.return_types import linalg_lu_factor_ex as linalg_lu_factor_ex
from franken.core.return_types import linalg_qr as linalg_qr
from franken.core.return_types import linalg_slogdet as linalg_slogdet
from franken.core.return_types import linalg_solve_ex as linalg_solve_ex
from franken.core.return_types import linalg_svd as linalg_svd
from franken.core.return_types import lu_unpack as lu_unpack
from franken.core.return_types import max as max
from franken.core.return_types import median as median
from franken.core.return_types import min as min
from franken.core.return_types import mode as mode
from franken.core.return_types import nanmedian as nanmedian
from franken.core.return_types import qr as qr
from franken.core.return_types import slogdet as slogdet
from franken.core.return_types import sort as sort
from franken.core.return_types import svd as svd
from franken.core.return_types import topk as topk
from franken.core.return_types import triangular_solve as triangular_solve
